"use strict";
(async () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const ids = data.document.roots.map((root) => root.id);
  const roots = Object.fromEntries(ids.map((id, place) => [id, data.places[place]]));
  await Bokeh.embed.embed_items(
    { page: data.document },
    [{ docid: "page", roots, root_ids: ids }],
  );
  const shown = Bokeh.documents[0];
  const source = (name) => shown.get_model_by_name(name);
  const copy = (columns) =>
    Object.fromEntries(Object.entries(columns).map(([key, values]) => [key, Array.from(values)]));

  const fronts = [];
  for (const model of shown.all_models) {
    if (model.name && model.name.startsWith("plans ")) fronts.push([model, copy(model.data)]);
  }
  const memory = document.getElementById("memory");
  const filter = () => {
    const methods = new Set(
      [...document.querySelectorAll("input.method:checked")].map((box) => box.value),
    );
    const most = memory ? Number(memory.value) : Infinity;
    if (memory) {
      document.getElementById("memory-shown").value = `${most.toLocaleString("en")} bytes`;
    }
    for (const [model, all] of fronts) {
      const kept = (all.name || []).map(
        (_, i) => methods.has(all.method[i]) && all.memory_bytes[i] <= most,
      );
      model.data = Object.fromEntries(
        Object.entries(all).map(([key, values]) => [key, values.filter((_, i) => kept[i])]),
      );
    }
  };
  for (const box of document.querySelectorAll("input.method")) box.onchange = filter;
  if (memory) memory.oninput = filter;

  const link = document.getElementById("link");
  const bits = document.getElementById("bits");
  const choose = () => {
    const bars = data.network.bars[bits.value][link.value];
    source("network bytes").data = bars;
    source("network seconds").data = bars;
    source("network layers").data = data.network.layers[link.value];
    for (const column of ["sent_bytes", "total_ms"]) {
      source(`network pick ${column}`).data = data.network.picks[link.value];
    }
  };
  if (link) link.onchange = bits.onchange = choose;
  document.body.dataset.ready = "yes";
})();
