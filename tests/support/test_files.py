"""A file that cannot be written is told before the work that it shall keep."""

import errno
import os
import re
import shutil
import types

import pytest

from vae_keras.support import files


def test_a_place_that_can_be_written_is_left_as_it_is(tmp_path):
    files.check_place(tmp_path / "new.keras", needed=1000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reason", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_to_is_named_with_the_reason(tmp_path, monkeypatch, reason):
    def refuse(**options):
        raise OSError(reason, os.strerror(reason), str(tmp_path / "tmp12345"))

    monkeypatch.setattr(files.tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(OSError, match="cannot be written to") as error:
        files.check_place(tmp_path / "new.keras")
    assert isinstance(error.value, PermissionError) == (reason == errno.EACCES)
    message = rf"cannot be written to, name another: {os.strerror(reason)}\. Received: {re.escape(repr(str(tmp_path)))}"
    assert re.search(message, str(error.value))
    assert "tmp12345" not in str(error.value)


def test_a_real_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o555)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(PermissionError, match="cannot be written to"):
            files.check_place(tmp_path / "new.keras")
    finally:
        tmp_path.chmod(0o755)


def test_a_disk_that_is_too_small_is_told_with_what_is_needed_and_free(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        shutil, "disk_usage", lambda folder: asked.append(folder) or types.SimpleNamespace(free=2_000_000)
    )
    files.check_place(tmp_path / "new.keras", needed=2_000_000)
    with pytest.raises(OSError, match=r"needs 12\.5 MB, and 2\.0 MB are free: make room.*Received: '") as error:
        files.check_place(tmp_path / "new.keras", needed=12_500_000)
    assert error.value.errno == errno.ENOSPC
    assert str(error.value).count("\n") == 0
    assert set(asked) == {str(tmp_path)}


def test_the_space_for_a_model_is_asked_for_before_it_is_trained(tmp_path, monkeypatch):
    model = types.SimpleNamespace(get_config=dict, weights=[types.SimpleNamespace(shape=(1000, 1000))])
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=5_000_000))
    with pytest.raises(OSError, match="MB are free"):
        files.check_save_as(tmp_path / "new.keras", model)
