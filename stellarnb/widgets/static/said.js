// A line of plain text that a screen reader reads out when it changes.

const render = ({model, el}) => {
  el.classList.add("snb-said")
  // A live region has to stand on the page before its text changes, so it is never made anew.
  const line = document.createElement("div")
  line.setAttribute("role", model.get("urgent") ? "alert" : "status")
  line.className = model.get("urgent") ? "snb-error" : "snb-words"
  el.append(line)
  const show = () => { line.textContent = model.get("text") }
  model.on("change:text", show)
  show()
  return () => model.off("change:text", show)
}

export default {render}
