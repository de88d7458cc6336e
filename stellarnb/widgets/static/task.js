// The page's half of a task: a bar, words, and a Cancel that does not wait for the running cell.
//
// The kernel reads its usual channel only between two cells. A subshell is read at any time: the
// Cancel opens one, sends its message there and closes it again. The message opens a comm of a
// target that does nothing but set the switch of the run that is named. (A message to the comm of
// the bar would not do: ipykernel 7.4 brings it to wherever that comm has last sent from, which is
// the cell.)

const uuid = () => crypto.randomUUID?.() ??
  [8, 4, 4, 4, 12].map(n => Array.from({length: n}, () =>
    Math.floor(16 * Math.random()).toString(16)).join("")).join("-")

const WAIT = 5000  // after so long a subshell is not coming [ms]
const AGAIN = 150  // after so long a message is sent once more [ms]

const within = (promise, what) => Promise.race([
  promise,
  new Promise((_, refuse) => setTimeout(() => refuse(new Error(what)), WAIT)),
])

const TARGET = "stellarnb.cancel"

const message = (kernel, token, subshell) => ({
  buffers: [],
  channel: "shell",
  content: {comm_id: uuid().replaceAll("-", ""), target_name: TARGET, data: {token}},
  header: {
    date: new Date().toISOString(), msg_id: uuid(), msg_type: "comm_open", version: "5.2",
    session: kernel.clientId, username: kernel.username ?? "", subshell_id: subshell,
  },
  metadata: {},
  parent_header: {},
})

const rest = ms => new Promise(done => setTimeout(() => done(false), ms))

// Send a message past the running cell; says whether that could be done.
const sendPast = async (kernel, token) => {
  if (!kernel?.supportsSubshells || kernel.requestCreateSubshell == null) return false
  let subshell = null
  const sent = []
  try {
    const reply = await within(kernel.requestCreateSubshell({}).done, "no subshell")
    subshell = reply.content.subshell_id
    // A message that is there before the subshell's thread listens is seen only with the next
    // one; a second Cancel of the same run does nothing.
    const end = Date.now() + WAIT
    let heard = false
    while (!heard && Date.now() < end) {
      const one = message(kernel, token, subshell)
      sent.push(kernel.sendShellMessage(one, false, false))
      heard = await Promise.race([...sent.map(each => each.done.then(() => true)), rest(AGAIN)])
    }
    if (!heard) throw new Error("no answer")
    return true
  } catch (error) {
    console.warn("stellarnb: no subshell for Cancel:", error?.message ?? error)
    return false
  } finally {
    for (const each of sent) {
      each.done.catch(() => {})
      each.dispose()
    }
    if (subshell !== null && kernel.status !== "dead") {
      try { await kernel.requestDeleteSubshell({subshell_id: subshell}).done } catch {}
    }
  }
}

const DEAD = new Set(["dead", "terminating", "restarting", "autorestarting", "unknown"])

const render = ({model, el}) => {
  el.classList.add("snb-task")
  const line = document.createElement("div")
  line.className = "snb-task-line"
  const bar = document.createElement("div")
  bar.className = "snb-task-bar"
  bar.setAttribute("role", "progressbar")
  bar.setAttribute("aria-valuemin", "0")
  const fill = document.createElement("div")
  fill.className = "snb-task-fill"
  bar.append(fill)
  const button = document.createElement("button")
  button.type = "button"
  button.className = "snb-button snb-cancel"
  button.textContent = "Cancel"
  line.append(bar, button)
  const words = document.createElement("div")
  words.className = "snb-task-words"
  // Read out once it rests, and not with each step.
  const said = document.createElement("div")
  said.className = "snb-hidden"
  said.setAttribute("role", "status")
  el.append(line, words, said)

  let told = null    // what this page has to say itself, instead of Python
  let lastState = ""
  let begun = 0      // when the run began, for work that cannot say how far it is [ms]
  let clock = 0

  const elapsed = () => {
    const seconds = Math.floor((Date.now() - begun) / 1000)
    return seconds < 2 ? "" : ` · ${seconds} s`
  }

  const show = () => {
    const state = told === null ? model.get("state") : "failed"
    const running = state === "running"
    const [done, total] = [model.get("done"), model.get("total")]
    el.dataset.state = state
    line.hidden = !running
    if (running && lastState !== "running") begun = Date.now()
    clearTimeout(clock)
    if (running && total === 0) clock = setTimeout(show, 1000)
    const after = running && total === 0 ? elapsed() : ""
    words.textContent = told ?? model.get("words") + after
    words.hidden = words.textContent === ""
    bar.setAttribute("aria-label", model.get("label") || "Progress")
    button.setAttribute("aria-label", `Cancel: ${model.get("label")}`)
    if (total > 0) {
      bar.setAttribute("aria-valuemax", String(total))
      bar.setAttribute("aria-valuenow", String(done))
      bar.setAttribute("aria-valuetext", `${done} of ${total}`)
      fill.style.width = `${Math.min(100, 100 * done / total)}%`
    } else {
      for (const name of ["aria-valuemax", "aria-valuenow", "aria-valuetext"])
        bar.removeAttribute(name)
      fill.style.width = ""
    }
    bar.classList.toggle("snb-unknown", total === 0)
    if (state !== lastState) {
      said.textContent = words.textContent
      button.disabled = false
      lastState = state
    }
  }

  const press = async () => {
    const kernel = model.widget_manager?.kernel ?? null
    const token = model.get("token")
    button.disabled = true
    if (await sendPast(kernel, token)) return
    // The usual way: it is read once the running cell has ended.
    words.textContent = "Cancel is on its way: it is heard when the running cell has ended. " +
      "(This kernel has no subshells; ipykernel 7 and JupyterLab 4.4 have.)"
    model.send({kind: "cancel", token})
  }
  button.addEventListener("click", press)

  // A kernel that dies says nothing more: the page has to.
  const kernel = model.widget_manager?.kernel ?? null
  const onStatus = (_, status) => {
    if (model.get("state") !== "running" || !DEAD.has(status)) return
    if (status === "unknown") return
    told = `The kernel has ended in the middle of this: ${model.get("words")}. ` +
      model.get("resume")
    show()
  }
  kernel?.statusChanged?.connect(onStatus)
  model.on("change", show)
  show()
  return () => {
    clearTimeout(clock)
    kernel?.statusChanged?.disconnect(onStatus)
    model.off("change", show)
    button.removeEventListener("click", press)
  }
}

export default {render}
