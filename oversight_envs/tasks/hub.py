"""Public data sets over the network, fetched only when a task is made without ``path=``."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from oversight_envs._files import cache_folder
from oversight_envs.tasks.files import Row


def official_file(url: str) -> Path:
    """The file at ``url``, downloaded once and kept under ``$XDG_CACHE_HOME`` (``~/.cache``)``/oversight-envs``."""
    folder = cache_folder()
    file = folder / url.rsplit("/", 1)[-1]
    if file.is_file():
        return file
    folder.mkdir(parents=True, exist_ok=True)
    part = None
    try:
        # written beside its final place and then renamed: an interrupted download is never taken for the file
        with urlopen(url, timeout=60) as source, tempfile.NamedTemporaryFile(dir=folder, delete=False) as part:
            shutil.copyfileobj(source, part)
        os.replace(part.name, file)
    except (URLError, OSError) as error:
        if part is not None:
            Path(part.name).unlink(missing_ok=True)
        raise ConnectionError(f"could not fetch {url} ({error}): download it elsewhere and pass path=FILE") from error
    return file


def hub_rows(dataset: str, config: str | None, split: str) -> Iterator[Row]:
    """The rows of a Hugging Face data set, through the ``datasets`` library and its cache."""
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise ImportError(
            f"loading {dataset} from the hub needs the datasets library: pip install 'oversight-envs[hub]', "
            "or give a file"
        ) from error
    try:
        table = load_dataset(dataset, config, split=split)
    except Exception as error:  # its offline errors share no base class with its other ones
        raise ConnectionError(
            f"could not load {dataset} (config {config}, split {split}) from the hub ({error}): pass path=, or "
            "download it elsewhere and use ListTask or from_csv"
        ) from error
    for number, fields in enumerate(table, start=1):
        yield Row(f"{dataset}/{split}:{number}", dict(fields))
