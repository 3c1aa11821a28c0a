// What keeps a person from using the page that is shown: a list of texts, empty if nothing does.
(() => {
  const found = [];
  const tell = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });

  if (!document.documentElement.lang) found.push("no language");
  if (!document.title.trim()) found.push("no title");
  if (all("h1").length !== 1) found.push(`${all("h1").length} headings of the first level`);
  if (all("main").length !== 1) found.push("no main part");
  let before = 0;
  for (const heading of all("h1, h2, h3, h4")) {
    const level = Number(heading.tagName[1]);
    if (level > before + 1) tell("level of heading left out", heading);
    before = level;
  }
  const ids = all("[id]").map((element) => element.id);
  if (new Set(ids).size !== ids.length) found.push("an id stands twice");
  for (const field of all("input:not([type=hidden]), select, textarea")) {
    if (!field.labels.length && !field.ariaLabel) tell("no label", field);
  }
  for (const element of all("a, button, summary, legend, caption, th, label")) {
    if (!(element.ariaLabel || element.textContent.trim())) tell("no text", element);
  }
  for (const head of all("th")) if (!head.scope) tell("no scope", head);
  for (const table of all("table")) if (!table.caption) tell("no caption", table);
  for (const image of all("img")) if (!image.alt) tell("no text", image);

  for (const element of all("button, summary, input:not([type=hidden]), select, nav a")) {
    const { width, height } = element.getBoundingClientRect();
    if (visible(element) && (width < 22 || height < 22)) tell(`${width} x ${height} pixels`, element);
  }
  if (document.documentElement.scrollWidth > innerWidth) {
    found.push(`${document.documentElement.scrollWidth} pixels wide`);
  }

  const numbers = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = numbers(color).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if ((numbers(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  for (const element of all("body *")) {
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!text || !visible(element)) continue;
    const style = getComputedStyle(element);
    const pair = [luminance(style.color), luminance(behind(element))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) tell(`contrast ${ratio.toFixed(2)}`, element);
  }
  return found;
})()
