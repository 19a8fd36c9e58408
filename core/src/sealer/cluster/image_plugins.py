"""Tasks that an image brings: its documents of kind Plugin, beside those of the Clusterfile."""

from __future__ import annotations

from sealer.cluster.image_files import image_plugin_files
from sealer.clusterfile import Clusterfile, PluginSpec, parse_plugins
from sealer.errors import ImageError
from sealer.image.store import ImageStore
from sealer.image.stored import StoredImage


def all_plugins(store: ImageStore, image: StoredImage, clusterfile: Clusterfile) -> tuple[PluginSpec, ...]:
    """Return the tasks of an image and of a Clusterfile, whose count where the names are the same.

    Raises:
        SourceErrors: A file of the image does not say what it should; with the positions.
        ImageError: A file can't be read, or two files of the image have tasks of one name.
    """
    own = {plugin.name: plugin for plugin in clusterfile.plugins}
    brought: dict[str, PluginSpec] = {}
    for path, text in image_plugin_files(store, image).items():
        for plugin in parse_plugins(text, f"{path} ({image.reference})"):
            if plugin.name in brought:
                raise ImageError(
                    f"image {image.reference} has two plugins of the name {plugin.name}: "
                    f"{brought[plugin.name].place} and {plugin.place}",
                    hint="give one of them another name in metadata",
                )
            brought[plugin.name] = plugin
    return tuple({**brought, **own}.values())
