// The foot of a widget: what went wrong, and its Python twin to copy.
//
// It also tells the output around it that a widget lives here: the still of it that a notebook
// keeps for the time without a kernel is then hidden.

const settle = el => {
  if (document.getElementById("stellarnb-style") === null) {
    const style = document.createElement("style")
    style.id = "stellarnb-style"
    style.textContent = ".stellarnb-live .stellarnb-picture { display: none }"
    document.head.append(style)
  }
  el.closest(".jp-OutputArea")?.classList.add("stellarnb-live")
}

const button = (words, line) => {
  const made = document.createElement("button")
  made.type = "button"
  made.className = "snb-button"
  made.textContent = words
  line.append(made)
  return made
}

const render = ({model, el}) => {
  el.classList.add("snb-foot")
  const error = document.createElement("div")
  error.className = "snb-error"
  error.setAttribute("role", "alert")
  const line = document.createElement("div")
  line.className = "snb-foot-line"
  const name = model.get("name")
  const what = model.get("what")
  const copy = button(what === "Python" ? "Copy as Python" : `Copy ${what}`, line)
  copy.setAttribute("aria-label", `${copy.textContent}: ${name}`)
  const toggle = button(`Show ${what}`, line)
  const said = document.createElement("span")
  said.setAttribute("role", "status")
  line.append(said)
  const text = document.createElement("textarea")
  text.readOnly = true
  text.spellcheck = false
  text.setAttribute("aria-label", `${what} of ${name}`)
  text.hidden = true
  el.append(error, line, text)

  const open = yes => {
    text.hidden = !yes
    toggle.textContent = `${yes ? "Hide" : "Show"} ${what}`
    toggle.setAttribute("aria-label", `${toggle.textContent}: ${name}`)
    toggle.setAttribute("aria-expanded", String(yes))
  }

  const show = () => {
    error.textContent = model.get("error")
    text.value = model.get("code")
    text.rows = Math.min(24, text.value.split("\n").length + 1)
    line.hidden = text.value === ""
    if (line.hidden) open(false)
  }

  const onCopy = async () => {
    try {
      await navigator.clipboard.writeText(model.get("code"))
      said.textContent = what === "Python" ? "Copied: paste it into a cell." : "Copied."
    } catch {
      // No permission, or no safe address: the text is selected for the user's own copy.
      open(true)
      text.focus()
      text.select()
      said.textContent = "This browser gives no access to the clipboard: the text is selected, " +
        "press Ctrl+C (Cmd+C)."
    }
    setTimeout(() => { said.textContent = "" }, 8000)
  }
  const onToggle = () => open(text.hidden)
  // JupyterLab must not take the keys of the text for its own.
  text.dataset.lmSuppressShortcuts = "true"
  copy.addEventListener("click", onCopy)
  toggle.addEventListener("click", onToggle)
  open(false)
  model.on("change", show)
  show()
  requestAnimationFrame(() => settle(el))
  return () => {
    model.off("change", show)
    copy.removeEventListener("click", onCopy)
    toggle.removeEventListener("click", onToggle)
  }
}

export default {render}
