// What all views of one spectrum viewer share: spectra that Python has sent ahead, the view, the
// messages from and to Python. (spectrum_front.js follows.)

const AHEAD = 8 // spectra that are fetched on each side of the one that is shown
const KEPT = 400 // spectra that are kept
const PAUSE = 150 // of the view, before Python is told [ms]
const makeStore = () => {
  const store = {
    grid: null, rows: new Map(), wanted: new Set(), degraded: null, labels: null, overlay: null,
    sense: null, views: new Set(), frame: 0, timer: 0, drawn: -1, view: null,
  }
  let model

  const redraw = () => {
    if (store.frame) return
    store.frame = requestAnimationFrame(() => {
      store.frame = 0
      for (const view of store.views) view.draw()
    })
  }
  const refresh = () => {
    for (const view of store.views) view.refresh()
    redraw()
  }

  const setup = () => model.get("setup")
  const row = () => model.get("row")
  const span = () => [store.grid[0], store.grid[store.grid.length - 1]]
  const view = () => {
    const given = store.view
    return given && given.length === 2 ? given : span()
  }

  const ask = () => {
    const n = setup().n, at = row()
    const low = clamp(at - AHEAD, 0, n - 1), high = clamp(at + AHEAD, 0, n - 1)
    const near = []
    for (let i = low; i <= high; i++) if (!store.rows.has(i) && !store.wanted.has(i)) near.push(i)
    // One message for many: only where the shown one is lacking, or half of those ahead are.
    if (near.length === 0 || (store.rows.has(at) && near.length < AHEAD)) return
    for (const i of near) store.wanted.add(i)
    // The one that is looked at first, so that it need not wait for its neighbours.
    if (near.includes(at)) model.send({kind: "want", rows: [at]})
    model.send({kind: "want", rows: near.filter(i => i !== at)})
    setTimeout(() => near.forEach(i => store.wanted.delete(i)), 3000)
  }

  const go = to => {
    const n = setup().n
    const next = clamp(to, 0, n - 1)
    if (next === row()) return
    model.set("row", next)
    model.save_changes()
  }

  const zoom = (low, high) => {
    const [first, last] = span()
    const least = 4 * (last - first) / store.grid.length
    let wide = clamp(high - low, least, last - first)
    let start = clamp((low + high - wide) / 2, first, last - wide)
    store.view = wide >= (last - first) * 0.9999 ? [] : [start, start + wide]
    redraw()
    clearTimeout(store.timer)
    store.timer = setTimeout(() => {
      model.set("view", store.view)
      model.save_changes()
    }, PAUSE)
  }

  const hear = (message, buffers) => {
    if (message.kind === "spectra") {
      const n = store.grid.length
      const [flux, error, mask] = [floats(buffers[0]), message.errors ? floats(buffers[1]) : null,
        new Uint8Array(bytes(buffers[buffers.length - 1]))]
      message.rows.forEach((at, i) => {
        const part = [i * n, (i + 1) * n]
        store.rows.set(at, {
          flux: flux.subarray(...part), error: error?.subarray(...part) ?? null,
          mask: mask.subarray(...part), id: message.ids[i], name: message.names[i], snr: message.snr[i],
        })
        store.wanted.delete(at)
      })
      if (store.rows.size > KEPT) {
        const far = [...store.rows.keys()].sort((a, b) => Math.abs(b - row()) - Math.abs(a - row()))
        far.slice(0, store.rows.size - KEPT / 2).forEach(at => store.rows.delete(at))
      }
      if (message.rows.includes(row())) refresh()
    } else if (message.kind === "degraded") {
      store.degraded = message.none ? null : {
        row: message.row, flux: floats(buffers[0]), error: floats(buffers[1]),
        mask: new Uint8Array(bytes(buffers[2])), snr: message.snr,
      }
      redraw()
    } else if (message.kind === "labels") {
      store.labels = message
      refresh()
    } else if (message.kind === "overlay") {
      const there = buffers.length === 2
      store.overlay = {...message, flux: there ? floats(buffers[0]) : null, level: there ? floats(buffers[1]) : null}
      refresh()
    } else if (message.kind === "sensitivity") {
      const there = buffers.length === 2
      store.sense = {...message, value: there ? floats(buffers[0]) : null, scatter: there ? floats(buffers[1]) : null}
      refresh()
    }
  }

  const initialize = given => {
    model = given.model
    store.grid = new Float64Array(bytes(model.get("grid")))
    store.view = model.get("view")
    model.on("msg:custom", hear)
    model.on("change:row", () => { ask(); refresh() })
    for (const name of ["show", "lines", "setup", "resolution", "snr", "label", "note"]) {
      model.on(`change:${name}`, refresh)
    }
    model.on("change:view", () => { store.view = model.get("view"); redraw() })
    ask()
    model.send({kind: "hello"})
    return () => { model.off("msg:custom", hear); clearTimeout(store.timer) }
  }

  return {store, redraw, refresh, setup, row, span, view, go, zoom, initialize}
}
