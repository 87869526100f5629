// What a page's layout has wrong, for test_page_layout.py; each function gives a list that should be empty.
window.layout = (() => {
  const shown = (e) => e.getClientRects().length > 0 && !e.closest(".hidden, .skip, [hidden]");
  const name = (e) => `${e.tagName.toLowerCase()}#${e.id}.${e.getAttribute("class")} ${e.textContent.trim().slice(0, 40)}`;
  const over = (low, high, otherLow, otherHigh) => Math.min(high, otherHigh) - Math.max(low, otherLow) > 1;
  const meet = (a, b) => over(a.left, a.right, b.left, b.right) && over(a.top, a.bottom, b.top, b.bottom);
  const flows = (e) => shown(e) && !["absolute", "fixed", "sticky"].includes(getComputedStyle(e).position);

  /** Siblings in the flow, and labels of a drawing, that lie over each other. */
  function overlaps() {
    const found = [];
    const check = (elements) => {
      // An element that goes on in the next column has several boxes.
      const boxes = elements.map((e) => [e, Array.from(e.getClientRects())]);
      boxes.forEach(([a, of], i) => boxes.slice(i + 1).forEach(([b, others]) => {
        if (of.some((box) => others.some((other) => meet(box, other)))) found.push(`${name(a)} / ${name(b)}`);
      }));
    };
    for (const parent of document.querySelectorAll("body, main, section, ul, ol, dl, figure, figcaption, div, nav, tr")) {
      const block = Array.from(parent.children).filter((e) => flows(e) && getComputedStyle(e).display !== "inline");
      if (block.length < 100) check(block);
    }
    for (const svg of document.querySelectorAll("svg")) check(Array.from(svg.querySelectorAll("text")).filter(shown));
    return found;
  }

  /** Elements whose content is wider than they are, other than boxes that scroll. */
  function cut() {
    const texts = document.querySelectorAll("h1, h2, h3, h4, p, li, dt, dd, td, th, summary, button, label, figcaption");
    return Array.from(texts).filter((e) => shown(e) && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline").map(name);
  }

  /** Tables whose last column cannot be scrolled into sight, or whose box does not lie within the window. */
  function unreachableColumns() {
    const found = [];
    for (const box of document.querySelectorAll(".scroll")) {
      if (!shown(box)) continue;
      box.scrollLeft = box.scrollWidth;
      const edge = box.getBoundingClientRect(), content = box.querySelector("thead th:last-child, img, svg, pre") || box;
      const last = content.getBoundingClientRect();
      const { overflowX, backgroundAttachment } = getComputedStyle(box);
      // What scrolls can be scrolled by a reader, with a finger or by keyboard, and shows by a shadow that there is more.
      const usable = overflowX === "auto" && box.tabIndex === 0 && backgroundAttachment.includes("local");
      if (last.right > edge.right + 1 || edge.left < 0 || edge.right > innerWidth || !usable) found.push(name(box));
      box.scrollLeft = 0;
    }
    return found;
  }

  /** Texts of drawings whose contrast with the page is below 4.5, as the filters of dark mode leave it. */
  function faintTexts() {
    const light = (rgb) => {
      const [r, g, b] = rgb.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const numbers = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
    const paper = light(numbers(getComputedStyle(document.body).backgroundColor));
    return Array.from(document.querySelectorAll("svg text")).filter((text) => {
      const turned = getComputedStyle(text.ownerSVGElement).filter.includes("invert(1)");
      const ink = light(numbers(getComputedStyle(text).fill).map((v) => (turned ? 255 - v : v)));
      return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05) < 4.5;
    }).map(name);
  }

  /** Where each entry of the contents leads: whether its target is in sight below what stays at the top. */
  async function followContents() {
    const places = [];
    for (const link of document.querySelectorAll("nav a")) {
      document.querySelector("nav details").open = true;
      scrollTo(0, 0);
      link.click();
      await new Promise((done) => { setTimeout(done, 30); });
      const target = document.getElementById(link.hash.slice(1)), top = target?.getBoundingClientRect().top;
      const bar = innerWidth < 1024 ? document.querySelector("nav").getBoundingClientRect().bottom : 0;
      const end = Math.ceil(scrollY + innerHeight) >= document.documentElement.scrollHeight - 1;
      const seen = target !== null && shown(target) && (link.hash === "#report" || top >= bar - 1) && (top < innerHeight / 2 || end);
      places.push(JSON.stringify({ link: link.hash, top, bar, seen }));
    }
    return places;
  }
  return { overlaps, cut, unreachableColumns, faintTexts, followContents };
})();
0;
