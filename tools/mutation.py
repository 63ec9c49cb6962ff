"""Change the package in one place after another and see whether the tests notice: `python tools/mutation.py`.

The mutants are cosmic-ray's. What is changed is a copy; the working tree stays as it is.
TensorFlow is imported once and each mutant tested in a fork, so this runs on Linux and macOS. A mutant meets the
tests that run its statement, the fastest first and slow ones last. What is left out, and why, stands at `wanted`; the
last result in tests/README.md.
"""

import argparse
import ast
import collections
import difflib
import gc
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3", **dict.fromkeys(ONE_THREAD, "1")})  # read when they are imported
sys.dont_write_bytecode = True  # an old .pyc would stand in for a mutant of the same second and size

import coverage  # noqa: E402
import hypothesis.extra.numpy  # noqa: E402, F401  what the tests import, once for all forks; but not vae_keras
import keras  # noqa: E402, F401
import matplotlib.pyplot as plt  # noqa: E402, F401
import parso  # noqa: E402, F401  before cosmic_ray: it cannot import it by itself
import pytest  # noqa: E402
import scipy.integrate  # noqa: E402
import scipy.stats  # noqa: E402, F401
import sklearn.datasets  # noqa: E402, F401
from cosmic_ray.ast import ast_nodes, get_ast  # noqa: E402
from cosmic_ray.mutating import mutate_code  # noqa: E402
from cosmic_ray.plugins import get_operator, operator_names  # noqa: E402

ROOT = pathlib.Path(__file__).parents[1]
TESTS = {
    "paths": ("paths", "properties", "bad_input"),  # tests/**/test_paths.py, and so on
    "layers": ("layers", "properties", "bad_input"),
    "losses": ("losses", "properties", "bad_input"),
    "measures/likelihood": ("measures", "properties", "bad_input"),
    "measures/latent_space": ("measures", "properties", "bad_input"),
    "measures/likeness": ("measures", "properties", "bad_input"),
    "measures/published": ("measures", "properties", "bad_input"),
    "measures/walks": ("measures", "properties", "bad_input"),
    "models": ("models", "learned_sigma", "like_any_keras_model", "bad_input", "callbacks", "saving", "replicas"),
}
ELSEWHERE = ("saving", "replicas")  # run the package in other processes, too: what is recorded here does not say so
Mutant = collections.namedtuple("Mutant", "module operator line code")


def path_of(file):
    """Where a file of tests stands: `tests/support/test_saving.py`, of "saving"."""
    (path,) = (ROOT / "tests").rglob(f"test_{file}.py")
    return path.relative_to(ROOT).as_posix()


def wanted(operator):
    """Leave out what only swells the count: mutants that no test can miss, or that mean what the original means."""
    kind, *names = operator.removeprefix("core/").split("_")
    was, becomes = names[-2:] if len(names) > 1 else ("", "")
    if kind == "ReplaceBinaryOperator":  # bits of a float, or another sign for | in a type: a TypeError in every test
        return not {was, becomes} & {"RShift", "LShift", "BitOr", "BitAnd", "BitXor"}
    if kind == "ReplaceUnaryOperator":  # ~ of a float: the same; `not` is AddNot's, where a condition stands
        return becomes not in ("Invert", "Not") or was == "Delete"
    if kind == "ReplaceComparisonOperator":  # `is` for ==, and == for `is`: the same on small integers and None
        same_kind = ({"Is", "IsNot"}, {"In", "NotIn"}, {"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"})
        return any({was, becomes} <= kind for kind in same_kind)
    return not get_operator(operator).arguments()  # VariableReplacer needs to be told variables' names


def mutants_of(module):
    """All mutants that Python accepts and that differ from the original and from each other."""
    source = (ROOT / "vae_keras" / f"{module}.py").read_text("utf-8")
    seen, tree = {ast.dump(ast.parse(source))}, get_ast(source)
    for name in filter(wanted, sorted(operator_names())):
        operator = get_operator(name)()
        for occurrence in range(sum(len(list(operator.mutation_positions(node))) for node in ast_nodes(tree))):
            try:
                code = mutate_code(source, operator, occurrence)
                dump = ast.dump(ast.parse(code))
            except (AttributeError, SyntaxError):  # the former: cosmic-ray cannot replace a dotted exception
                continue
            if dump not in seen:
                seen.add(dump)
                pairs = zip(source.splitlines(), code.splitlines(), strict=False)
                line = next(number for number, (old, new) in enumerate(pairs, start=1) if old != new)
                yield Mutant(module, name, line, code)


class Selected:
    """A pytest plugin that runs the named tests in the order of the names, and keeps the first that fails."""

    def __init__(self, folder, tests):
        self.folder, self.place, self.failed = folder, {test: i for i, test in enumerate(tests)}, None

    def pytest_collection_modifyitems(self, items):
        import vae_keras

        assert pathlib.Path(vae_keras.__file__).is_relative_to(self.folder)
        items[:] = sorted((item for item in items if item.nodeid in self.place), key=lambda i: self.place[i.nodeid])

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed = self.failed or report.nodeid

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed = self.failed or "import"


class Recorded:
    """A pytest plugin that keeps how long each test takes and which lines of which module it runs."""

    def __init__(self):
        self.tests = {}

    def pytest_sessionstart(self):
        self.coverage = coverage.Coverage(data_file=None, config_file=False, include=["vae_keras/**"])
        self.coverage.start()

    def pytest_collection_modifyitems(self, items):
        self.slow = {item.nodeid for item in items if item.get_closest_marker("slow")}

    def pytest_runtest_logstart(self, nodeid):
        self.coverage.switch_context(nodeid)
        self.tests[nodeid] = {"seconds": 0.0, "slow": nodeid in self.slow, "lines": {}}

    def pytest_runtest_logreport(self, report):
        self.tests[report.nodeid]["seconds"] += report.duration

    def pytest_sessionfinish(self):
        self.coverage.stop()
        data = self.coverage.get_data()
        for file in data.measured_files():
            module = pathlib.Path(file).relative_to(pathlib.Path("vae_keras").resolve()).with_suffix("").as_posix()
            for line, tests in data.contexts_by_lineno(file).items():
                for test in filter(None, tests):
                    self.tests[test]["lines"].setdefault(module, []).append(line)


def forked(folder, files, plugin, result):
    """Start pytest in a fork, in the copy in `folder`; its outcome comes as JSON in the file `result`."""
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    os.setpgid(0, 0)
    os.chdir(folder)
    places = [str(folder), str(folder / "tests"), str(folder / "tools")]
    os.environ["PYTHONPATH"] = os.pathsep.join(places)  # for the processes that tests start
    os.environ.update(PYTHONDONTWRITEBYTECODE="1", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    sys.path[:0] = places
    log = os.open(folder / "log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:nbval", "-o", "addopts=", "-W", "ignore"]
    files = [path_of(file) for file in files]
    code = int(pytest.main([*options, f"--basetemp={folder / 'tmp'}", *files], plugins=[plugin]))
    found = plugin.tests if isinstance(plugin, Recorded) else plugin.failed
    result.write_text(json.dumps({"code": code, "found": found}))
    os._exit(0)


def in_forks(folders, jobs):
    """Run `jobs`, each (start, limit), start(folder, result) a fork's process; yield (number, outcome or None)."""
    jobs, free, running = collections.deque(enumerate(jobs)), list(folders), {}
    while jobs or running:
        while jobs and free:
            number, (start, limit) = jobs.popleft()
            folder = free.pop()
            result = folder / "result.json"
            result.unlink(missing_ok=True)
            running[start(folder, result)] = (number, folder, result, time.monotonic() + limit)
        time.sleep(0.02)
        for process, (number, folder, result, end) in list(running.items()):
            done, _ = os.waitpid(process, os.WNOHANG)
            late = not done and time.monotonic() > end
            if late:
                os.killpg(process, signal.SIGKILL)
                os.waitpid(process, 0)
            if done or late:
                del running[process]
                free.append(folder)
                yield number, json.loads(result.read_text()) if done and result.exists() else None


def record(folders, files):
    """Run each test file once on the original: {test: seconds and lines}."""

    def job(file):
        return lambda folder, result: forked(folder, [file], Recorded(), result), 1800

    tests = {}
    for number, outcome in in_forks(folders, [job(file) for file in files]):
        if outcome is None or outcome["code"] != 0:
            last = next(reversed(outcome["found"]), "its import") if outcome else "the time it has"  # with -x
            raise SystemExit(f"the original fails {path_of(files[number])}: {last}")
        tests |= outcome["found"]
    return tests


def tests_of(mutant, recorded, statements):
    """The tests that run the mutant's statement, slow ones last; all of the module's where none is known to."""
    mine = [test for test in recorded if test.split("::")[0] in map(path_of, TESTS[mutant.module])]
    around = [(first, last) for first, last in statements if first <= mutant.line <= last] or [(mutant.line,) * 2]
    first, last = min(around, key=lambda lines: lines[1] - lines[0])
    covering = [t for t in mine if any(first <= n <= last for n in recorded[t]["lines"].get(mutant.module, ()))]
    blind = [test for test in mine if test.split("::")[0] in map(path_of, ELSEWHERE)]
    chosen = {*covering, *blind} if covering else mine
    return sorted(chosen, key=lambda test: (recorded[test]["slow"], recorded[test]["seconds"]))


def survivors_and_killed(folders, mutants, recorded):
    """Yield (mutant, killer), the killer a test's name or "time-out", or None."""
    spans = {}
    for module in {mutant.module for mutant in mutants}:
        tree = ast.parse((ROOT / "vae_keras" / f"{module}.py").read_text("utf-8"))
        spans[module] = [(node.lineno, node.end_lineno) for node in ast.walk(tree) if isinstance(node, ast.stmt)]

    def job(mutant):
        tests = tests_of(mutant, recorded, spans[mutant.module])

        def start(folder, result):
            shutil.rmtree(folder / "vae_keras")
            shutil.copytree(ROOT / "vae_keras", folder / "vae_keras", ignore=shutil.ignore_patterns("__pycache__"))
            (folder / "vae_keras" / f"{mutant.module}.py").write_text(mutant.code, "utf-8")
            needed = {test.split("::")[0] for test in tests}
            files = [file for file in TESTS[mutant.module] if path_of(file) in needed]
            return forked(folder, files, Selected(folder, tests), result)

        return start, 60 + 5 * sum(recorded[test]["seconds"] for test in tests)

    for number, outcome in in_forks(folders, [job(mutant) for mutant in mutants]):
        if outcome and outcome["code"] == 5:
            raise SystemExit(f"no test ran, so nothing was tested: {difference(mutants[number])}")
        if outcome and outcome["code"] == 0:
            yield mutants[number], None
        elif outcome:  # without a test that failed, the mutant could not be imported
            yield mutants[number], outcome["found"] or f"pytest's exit code {outcome['code']}"
        else:
            yield mutants[number], "time-out or crash"


def difference(mutant):
    source = (ROOT / "vae_keras" / f"{mutant.module}.py").read_text("utf-8")
    lines = difflib.unified_diff(source.splitlines(), mutant.code.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if line[:3] not in ("---", "+++"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(TESTS), help=f"default: {' '.join(TESTS)}")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="mutants tested at once")
    parser.add_argument("--sample", type=int, help="test no more than so many mutants of a module, drawn at random")
    parser.add_argument(
        "--skip", type=int, default=0, help="leave out the first ones, tested by a run that was cut off"
    )
    parser.add_argument(
        "--kept", type=pathlib.Path, help="file that keeps what the tests run: delete it after a change"
    )
    options = parser.parse_args()
    gc.freeze()  # pytest collects garbage three times a run; TensorFlow's objects need no looking through
    with tempfile.TemporaryDirectory() as scratch:
        folders = [pathlib.Path(scratch).resolve() / str(i) for i in range(options.jobs)]
        for folder in folders:
            for part in ("vae_keras", "tests", "tools"):
                shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(ROOT / "pyproject.toml", folder)
        recorded = json.loads(options.kept.read_text()) if options.kept and options.kept.exists() else {}
        known = {test.split("::")[0] for test in recorded}
        files = dict.fromkeys(file for module in reversed(options.modules) for file in TESTS[module])  # long ones first
        recorded |= record(folders, [file for file in files if path_of(file) not in known])
        if options.kept:
            options.kept.write_text(json.dumps(recorded))
        table = []
        for module in options.modules:
            mutants = list(mutants_of(module))
            total = len(mutants)
            mutants = mutants[options.skip :]
            if options.sample:
                random.Random(0).shuffle(mutants)
                mutants = mutants[: options.sample]
            begin, survivors, by_slow_ones = time.monotonic(), [], 0
            for mutant, killer in survivors_and_killed(folders, mutants, recorded):
                if recorded.get(killer, {}).get("slow"):
                    by_slow_ones += 1
                    print(f"{module}.py killed by {killer} alone\n{difference(mutant)}", flush=True)
                if killer is None:
                    survivors.append(mutant)
                    print(f"{module}.py survived {mutant.operator}\n{difference(mutant)}", flush=True)
            seconds, killed = time.monotonic() - begin, len(mutants) - len(survivors)
            quick = killed - by_slow_ones
            rates = f"{killed:7} {killed / len(mutants):7.1%} {quick:7} {quick / len(mutants):7.1%}"
            table.append(f"{module:10} {total:7} {len(mutants):7} {rates} {seconds:7.0f}")
            print(table[-1], flush=True)
    print("\n".join(["module     mutants  tested  killed    rate   quick    rate seconds", *table]))


if __name__ == "__main__":
    main()
