"""Write layers: those that were made from the same before are taken from the cache, and nothing is read."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sealer.build.blocks import Layer, LayerDigest, LayerWriter, Moved
from sealer.build.layer_cache import LayerCache
from sealer.build.layer_plans import FORMAT, LayerPlan
from sealer.build.tar import TarWriter
from sealer.errors import UsageError
from sealer.image.extension import LAYER_CONTENT

EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"
"""The environment variable with the time that everything in an image gets (reproducible-builds.org)."""

_WORKERS = min(4, os.cpu_count() or 1)


def build_time(environ: Mapping[str, str] = os.environ) -> int:
    """Return the time of images and all their files, in seconds since 1970: 0 unless the environment says.

    Raises:
        UsageError: ``SOURCE_DATE_EPOCH`` is no such number.
    """
    text = environ.get(EPOCH_VARIABLE, "").strip() or "0"
    # Eleven octal digits are what a tar header holds.
    if not text.isdecimal() or not text.isascii() or int(text) >= 8**11:
        raise UsageError(
            f"{EPOCH_VARIABLE} is {text[:40]!r}", hint="set it to seconds since 1970, as `date +%s`"
        )
    return int(text)


def write_layers(write: Callable[[LayerPlan], Layer], plans: Sequence[LayerPlan]) -> tuple[Layer, ...]:
    """Write several layers at a time, and return them in the order of their plans.

    Args:
        write: Writes one; it is called by several threads.
        plans: What is wanted.

    Raises:
        ImageError: A layer can't be written. Those that are not begun yet are not begun any more.
    """
    failed = threading.Event()

    def one(plan: LayerPlan) -> Layer | None:
        if failed.is_set():
            return None
        try:
            return write(plan)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        layers = [task.result() for task in [pool.submit(one, plan) for plan in plans]]
    return tuple(layer for layer in layers if layer is not None)


def write_layer(cache: LayerCache, plan: LayerPlan, time: int, moved: Moved = lambda count: None) -> Layer:
    """Return the layer of a plan: from the cache if it is there, else written into the store.

    Args:
        cache: The layers that were written before, and their store.
        plan: What is wanted.
        time: The time of every file, in seconds since 1970.
        moved: Is told about every block of bytes.

    Raises:
        ImageError: Something can't be read, written, or be in an image.
    """
    annotations = {LAYER_CONTENT: plan.content.value}
    prints = plan.fingerprint()
    identity = None if prints.identity is None else f"identity {time} {prints.identity}"
    if identity is not None:
        known = cache.find(identity, created_by=plan.created_by, annotations=annotations)
        if known is not None:
            # Its other keys were kept with it: a build of what is unchanged writes nothing.
            moved(plan.size)
            return known
    # Content of equal names and sizes may be what it was, whatever the times say: reading tells. That is
    # worth it for files that were all copied afresh; where one of many is newer, it was edited.
    shape = f"shape {time} {prints.shape}"
    found = None
    kept_at = cache.kept_at(shape)
    if kept_at is not None and 2 * plan.newer(kept_at) >= plan.size:
        digest = LayerDigest()
        tar = TarWriter(digest, time)
        plan.add_to(tar)
        tar.finish()
        key = f"content {FORMAT} {plan.compress} {digest.diff_id()}"
        found = cache.find(key, created_by=plan.created_by, annotations=annotations)
    if found is not None:
        moved(plan.size)
    else:
        with LayerWriter(cache.store, compress=plan.compress, moved=moved) as layer:
            tar = TarWriter(layer, time)
            plan.add_to(tar)
            tar.finish()
            found = layer.commit(plan.created_by, annotations)
    for key in filter(None, (identity, shape, f"content {FORMAT} {plan.compress} {found.diff_id}")):
        cache.keep(key, found)
    return found
