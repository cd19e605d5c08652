"""What makes a page readable by everybody, measured in a browser: contrast, width, words beside colours, names.

Source: https://www.w3.org/TR/WCAG22/ (1.4.1 use of colour, 1.4.3 contrast, 1.4.10 reflow)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Page

# The contrast of each text with what is painted behind it; large text (24 px, or 18.66 px and bold) needs less.
_FAINT = """
() => {
  const channel = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const read = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
  const opaque = (rgb) => rgb.length === 3 || rgb[3] === 1;
  const contrast = (a, b) => {
    const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (light + 0.05) / (dark + 0.05);
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const found = read(getComputedStyle(each).backgroundColor);
      if (found.length && opaque(found)) return [found];
    }
    return [[255, 255, 255]];
  };
  const drawn = (element) => [...element.ownerSVGElement.querySelectorAll('rect.box:not(.solid)')]
    .map((box) => read(getComputedStyle(box).fill));
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter((n) => n.nodeType === 3 && n.data.trim()).map((n) => n.data.trim());
    if (!text.length || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const inSvg = element instanceof SVGElement;
    const ink = read(inSvg ? style.fill : style.color);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    for (const paper of [...behind(inSvg ? element.ownerSVGElement : element), ...(inSvg ? drawn(element) : [])]) {
      const found = contrast(ink, paper);
      if (found < needed) faint.push(`${text[0].slice(0, 40)}: ${found.toFixed(2)} of ${needed}`);
    }
  }
  return faint;
}
"""
_TEXTS = "() => [...document.querySelectorAll('body *')].filter((e) => e.childNodes.length && e.innerText).length"
_TOO_WIDE = """
() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
  [...document.querySelectorAll('body *')]
    .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth && !e.closest('.wide'))
    .map((e) => `${e.tagName} ${e.className} ${Math.round(e.getBoundingClientRect().right)}`)
"""
_UNNAMED = """
() => [
  ...[...document.querySelectorAll('a')].filter((e) => !(e.ariaLabel || e.innerText).trim())
    .map((e) => `link ${e.href}`),
  ...[...document.querySelectorAll('.wide')].filter((e) => e.scrollWidth > e.clientWidth && e.tabIndex < 0)
    .map((e) => `no keyboard reaches ${e.className}`),
  ...[...document.querySelectorAll('th')].filter((e) => !e.scope).map((e) => `heading without scope ${e.innerText}`),
]
"""
_LEVELS = "() => [...document.querySelectorAll('.level, .verdict strong')].map((e) => e.innerText.trim())"
WORDS = {"✗ red", "! amber", "✓ green"}


@dataclass
class Watched:
    """What a page asks for beyond its own host, and what its console complains of, from now on."""

    page: Page
    host: str
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self._note(said.text) if said.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self._note(str(error)))
        self.page.on("request", lambda asked: self._note(asked.url) if self._is_elsewhere(asked.url) else None)

    def _note(self, what: str) -> None:
        self.wrong.append(what)

    def _is_elsewhere(self, url: str) -> bool:
        return not url.startswith("data:") and urlsplit(url).netloc != self.host


def defects(page: Page) -> list[str]:
    """All that keeps somebody from reading the page; it must have text at all."""
    found = [*page.evaluate(_FAINT), *page.evaluate(_TOO_WIDE), *page.evaluate(_UNNAMED)]
    found += [f"a level without its word: {each}" for each in page.evaluate(_LEVELS) if each not in WORDS]
    headings = page.evaluate("() => [...document.querySelectorAll('h1')].length")
    if headings != 1 or not page.evaluate(_TEXTS):
        found.append(f"{headings} first headings")
    if page.evaluate("() => document.documentElement.lang") != "en" or not page.title():
        found.append("no language, or no title")
    return found
