"""Make `vae_keras/homework/values.json`: what right answers and usual mistakes give for the visible examples."""

import json
import pathlib

from answers import known, names

from vae_keras.homework import task_of

PATH = pathlib.Path(__file__).parents[1] / "vae_keras" / "homework" / "values.json"


def rounded(value):
    """The numbers of a nested value, to seven digits."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


def main():
    values = {name: [known(name, arguments) for arguments in task_of(name).examples] for name in names()}
    lines = [f"{json.dumps(name)}: {json.dumps(rounded(those), ensure_ascii=False)}" for name, those in values.items()]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
