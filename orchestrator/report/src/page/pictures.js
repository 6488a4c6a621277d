'use strict';
// Marks say what they are when pointed at or reached with the Tab key; pictures zoom.
const tip = document.body.appendChild(Object.assign(document.createElement('div'), { id: 'tip', hidden: true }));
tip.setAttribute('role', 'status');
const show = (mark) => {
  tip.textContent = mark.dataset.tip;
  tip.hidden = false;
  const at = mark.getBoundingClientRect();
  const left = at.left + at.width / 2 - tip.offsetWidth / 2;
  const above = at.top - tip.offsetHeight - 8;
  tip.style.left = window.scrollX + Math.max(4, Math.min(left, document.documentElement.clientWidth - tip.offsetWidth - 4)) + 'px';
  tip.style.top = window.scrollY + (above > 0 ? above : at.bottom + 8) + 'px';
};
const hide = () => { tip.hidden = true; };

for (const figure of document.querySelectorAll('figure.picture')) {
  const svg = figure.querySelector('svg');
  // The browser's own tooltips are slow and know no keyboard: the page shows them itself.
  const marks = [...svg.querySelectorAll('title')].filter((title) => title.textContent).map((title) => {
    const mark = title.parentNode;
    mark.dataset.tip = title.textContent;
    mark.classList.add('mark');
    mark.setAttribute('aria-label', title.textContent);
    title.remove();
    return mark;
  });
  let current = -1;
  svg.addEventListener('pointerover', (event) => {
    const mark = event.target.closest('.mark');
    if (mark) show(mark); else hide();
  });
  svg.addEventListener('pointerleave', hide);
  figure.addEventListener('blur', hide);

  const whole = svg.viewBox.baseVal;
  const home = [whole.x, whole.y, whole.width, whole.height];
  let view = [...home];
  const set = (next) => {
    const width = Math.min(Math.max(next[2], home[2] / 40), home[2]);
    const height = Math.min(Math.max(next[3], home[3] / 40), home[3]);
    const x = Math.min(Math.max(next[0], home[0]), home[0] + home[2] - width);
    const y = Math.min(Math.max(next[1], home[1]), home[1] + home[3] - height);
    view = [x, y, width, height];
    svg.setAttribute('viewBox', view.map((value) => value.toFixed(2)).join(' '));
    hide();
  };
  const zoom = (factor, cx = view[0] + view[2] / 2, cy = view[1] + view[3] / 2) => set([
    cx - (cx - view[0]) * factor, cy - (cy - view[1]) * factor, view[2] * factor, view[3] * factor]);
  const move = (dx, dy) => set([view[0] + dx * view[2], view[1] + dy * view[3], view[2], view[3]]);
  const place = (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    return [at.x, at.y];
  };
  const step = (by) => {
    if (!marks.length) return;
    current = (current + by + marks.length) % marks.length;
    show(marks[current]);
  };

  const tools = figure.insertBefore(document.createElement('div'), svg);
  tools.className = 'tools';
  const buttons = [['+', 'Zoom in', () => zoom(0.6)], ['−', 'Zoom out', () => zoom(1 / 0.6)], ['0', 'Show all of it', () => set(home)]];
  for (const [text, label, act] of buttons) {
    const button = tools.appendChild(document.createElement('button'));
    button.type = 'button';
    button.textContent = text;
    button.title = label;
    button.setAttribute('aria-label', label);
    button.addEventListener('click', act);
  }
  const keys = {
    '+': () => zoom(0.6), '=': () => zoom(0.6), '-': () => zoom(1 / 0.6), '0': () => set(home),
    ArrowLeft: () => move(-0.2, 0), ArrowRight: () => move(0.2, 0), ArrowUp: () => move(0, -0.2), ArrowDown: () => move(0, 0.2),
    n: () => step(1), p: () => step(-1), Escape: hide,
  };
  figure.addEventListener('keydown', (event) => {
    const act = keys[event.key];
    // What is not zoomed scrolls the page, as everywhere.
    const arrows = event.key.startsWith('Arrow') && view[2] >= home[2];
    if (event.target !== figure || !act || arrows || event.ctrlKey || event.metaKey || event.altKey) return;
    act();
    event.preventDefault();
  });
  svg.addEventListener('dblclick', () => set(home));
  svg.addEventListener('wheel', (event) => {
    if (!event.ctrlKey) return;
    zoom(event.deltaY < 0 ? 0.8 : 1.25, ...place(event));
    event.preventDefault();
  }, { passive: false });

  // Drag a frame around what is to be seen.
  let from = null;
  let lens = null;
  svg.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || event.pointerType === 'touch') return;
    figure.focus({ preventScroll: true });
    from = place(event);
  });
  svg.addEventListener('pointermove', (event) => {
    if (!from) return;
    const to = place(event);
    if (!lens && Math.hypot(to[0] - from[0], to[1] - from[1]) < view[2] / 80) return;
    if (!lens) {
      lens = svg.appendChild(document.createElementNS('http://www.w3.org/2000/svg', 'rect'));
      lens.setAttribute('class', 'lens');
      svg.setPointerCapture(event.pointerId);
    }
    lens.setAttribute('x', Math.min(from[0], to[0]));
    lens.setAttribute('y', Math.min(from[1], to[1]));
    lens.setAttribute('width', Math.abs(to[0] - from[0]));
    lens.setAttribute('height', Math.abs(to[1] - from[1]));
  });
  const drop = (event) => {
    if (lens) {
      const to = place(event);
      lens.remove();
      // The picture keeps its shape: the frame is widened or heightened to fit.
      const width = Math.max(Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]) * home[2] / home[3]);
      const height = width * home[3] / home[2];
      set([(from[0] + to[0] - width) / 2, (from[1] + to[1] - height) / 2, width, height]);
    }
    from = lens = null;
  };
  svg.addEventListener('pointerup', drop);
  svg.addEventListener('pointercancel', () => { if (lens) lens.remove(); from = lens = null; });
}
// On paper the trials' events are open, but for those of a long run: they would fill a hundred pages.
window.addEventListener('beforeprint', () => {
  const lists = document.querySelectorAll('main > details');
  if (lists.length <= 10) lists.forEach((list) => { list.open = true; });
});
