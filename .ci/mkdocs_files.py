"""Hooks of mkdocs: the site has README.md, docs/ and all files that they link to, at their places in the repository.

mkdocs knows one folder of pages, here docs/. Links to ../results or ../README.md work on a code host, and in the site
because each file keeps its path from the root of the repository.
"""

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ELSEWHERE = re.compile(r"<(?:script|link|img)[^>]*(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the repository's pages in the place of those of `docs_dir`; the theme's files stay."""
    docs = Path(config.docs_dir)
    kept = [file for file in files if file.src_dir != config.docs_dir]
    paths = linked_files(docs.parent, [docs.parent / "README.md", *docs.rglob("*.md")])
    pages = [File(path, str(docs.parent), config.site_dir, config.use_directory_urls) for path in paths]
    worker = File("iframe-worker.js", str(docs.parent / ".ci"), config.site_dir, config.use_directory_urls)
    return Files([*kept, *pages, worker])


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuse a page that would load something from another server."""
    if found := ELSEWHERE.search(output):
        raise PluginError(f"{page.file.src_uri}: not offline: {found[0]}")
    return output


def linked_files(root: Path, pages: list[Path]) -> list[str]:
    """These pages and the files that they and the pages among those link to, from the root; broken links left out."""
    seen, ahead = set(pages), list(pages)
    while ahead:
        page = ahead.pop()
        if page.suffix != ".md":
            continue
        linked = {Path(os.path.normpath(page.parent / link)) for link in LINK.findall(page.read_text())}
        new = {path for path in linked if path.is_file() and path.is_relative_to(root)} - seen
        seen |= new
        ahead += new
    return sorted(path.relative_to(root).as_posix() for path in seen)
