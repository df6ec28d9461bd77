/* Sorting, filtering and search for tables that ask for it. Without it every row stands there in the printed order. */
(function () {
  "use strict";
  const number = (text) => (/^-?[\d,.]+$/.test(text) ? parseFloat(text.replace(/,/g, "")) : null);
  const order = new Intl.Collator("en-GB", { numeric: true }).compare;
  const months = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const sortable = (text) => {
    const day = text.match(/^(\d{1,2}) ([A-Z][a-z]{2}) (\d{4})$/);
    return day ? day[3] + String(months.indexOf(day[2]) / 3 + 10) + day[1].padStart(2, "0") : text;
  };
  const make = (tag, properties, parent) => parent.appendChild(Object.assign(document.createElement(tag), properties));

  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const entries = [...body.rows].map((row) => {
      const cells = [...row.cells].map((cell) => cell.textContent.trim());
      return { row, cells, all: cells.join("\n").toLowerCase() };
    });
    if (entries.length > 25) table.parentElement.classList.add("long");
    const tools = document.querySelector('.tools[data-for="' + table.id + '"]');
    const picks = [];
    let search = null;

    const field = (label, id) => {
      const holder = make("div", {}, tools);
      make("label", { htmlFor: id, textContent: label }, holder);
      return holder;
    };
    if ("search" in tools.dataset) {
      const id = table.id + "-search";
      search = make("input", { id, type: "search", autocomplete: "off" }, field("Search these rows", id));
    }
    heads.forEach((head, place) => {
      if (!("pick" in head.dataset)) return;
      const values = [...new Set(entries.map((entry) => entry.cells[place]))].sort(order);
      if (values.length < 2) return;
      const id = table.id + "-pick-" + place;
      const select = make("select", { id }, field(head.textContent.trim(), id));
      make("option", { value: "", textContent: "All" }, select);
      for (const value of values) make("option", { value: "=" + value, textContent: value }, select);
      picks.push({ select, place });
    });
    if (search || picks.length) {
      const clear = make("button", { type: "button", textContent: "Clear filters" }, tools);
      const status = make("p", { className: "hint" }, tools);
      status.setAttribute("role", "status");
      const apply = () => {
        const words = search ? search.value.toLowerCase().split(/\s+/).filter(Boolean) : [];
        let shown = 0;
        for (const entry of entries) {
          const fits = words.every((word) => entry.all.includes(word)) &&
            picks.every((pick) => !pick.select.value || pick.select.value === "=" + entry.cells[pick.place]);
          entry.row.hidden = !fits;
          if (fits) shown += 1;
        }
        status.textContent = "Showing " + shown.toLocaleString("en-GB") + " of " + entries.length.toLocaleString("en-GB") + " rows";
      };
      let waiting = 0;
      if (search) search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 120); });
      for (const pick of picks) pick.select.addEventListener("change", apply);
      clear.addEventListener("click", () => {
        if (search) search.value = "";
        for (const pick of picks) pick.select.value = "";
        apply();
      });
      tools.hidden = false;
      apply();
    }
    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const numeric = head.classList.contains("n");
        const keyed = entries.map((entry) => {
          const text = entry.cells[place];
          return { entry, key: numeric ? number(text) : text.startsWith("–") ? null : sortable(text) };
        });
        keyed.sort((a, b) => {
          if (a.key === null || b.key === null) return (a.key === null) - (b.key === null); /* nothing stands last */
          const way = numeric ? a.key - b.key : order(a.key, b.key);
          return down ? -way : way;
        });
        body.append(...keyed.map((item) => item.entry.row));
      });
    });
  }
})();
