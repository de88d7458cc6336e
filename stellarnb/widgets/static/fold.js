// The head of something that is shown on demand: a button that says whether it is open.

const render = ({model, el}) => {
  el.classList.add("snb-fold")
  const button = document.createElement("button")
  button.type = "button"
  button.className = "snb-button"
  el.append(button)
  const show = () => {
    button.textContent = model.get("title")
    button.setAttribute("aria-expanded", String(model.get("shown")))
  }
  const turn = () => {
    model.set("shown", !model.get("shown"))
    model.save_changes()
  }
  button.addEventListener("click", turn)
  model.on("change", show)
  show()
  return () => {
    model.off("change", show)
    button.removeEventListener("click", turn)
  }
}

export default {render}
