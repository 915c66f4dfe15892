// What can be measured of how a page looks, in the page: returned to the test, which judges.
(async () => {
  await document.fonts.ready;
  for (const details of document.querySelectorAll("details")) details.open = true;
  const shown = (element) => element.getClientRects().length > 0;
  const root = document.documentElement;
  const wide = [...document.querySelectorAll("body *")]
    .filter((element) => shown(element) && !element.closest(".scroll, pre, svg"))
    .filter((element) => element.getBoundingClientRect().right > root.clientWidth + 1)
    .map((element) => element.outerHTML.slice(0, 120));
  const pictures = [...document.querySelectorAll("svg")].filter(shown).map((svg) => {
    const frame = svg.getBoundingClientRect();
    const words = [...svg.querySelectorAll("text")].map((text) => {
      const { left, right, top, bottom } = text.getBoundingClientRect();
      return { text: text.textContent.trim(), left, right, top, bottom };
    });
    const outside = words.filter(
      ({ left, right, top, bottom }) =>
        left < frame.left - 1 || right > frame.right + 1 || top < frame.top - 1 || bottom > frame.bottom + 1,
    );
    const over = words.flatMap((one, index) =>
      words.slice(index + 1).filter((other) => {
        const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
        const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
        // Boxes of text have air above and below the letters.
        return across > 0.5 && down > 4;
      }).map((other) => `${one.text} | ${other.text}`),
    );
    const size = (12.5 * frame.width) / svg.viewBox.baseVal.width;
    return {
      title: svg.querySelector("title").textContent,
      class: svg.getAttribute("class"),
      size,
      outside: outside.map(({ text }) => text),
      over,
    };
  });
  const small = [...document.querySelectorAll("body *")]
    .filter((element) => shown(element) && !element.closest("svg"))
    .filter((element) => parseFloat(getComputedStyle(element).fontSize) < 11)
    .map((element) => element.outerHTML.slice(0, 120));
  const measure = document.querySelector("main p");
  return {
    inner: window.innerWidth,
    scroll: root.scrollWidth,
    client: root.clientWidth,
    wide,
    small,
    pictures,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
    line: measure.getBoundingClientRect().width / parseFloat(getComputedStyle(measure).fontSize),
    scripts: document.scripts.length,
  };
})()
