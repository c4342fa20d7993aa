// The form's values, told whenever one of them changes, by whomever; no server hears of it.
const TOLD = "veo-form-values";

export function tellFormValues(values) {
  window.dispatchEvent(new CustomEvent(TOLD, { detail: values }));
}

export function onFormValues(heard) {
  window.addEventListener(TOLD, ({ detail }) => heard(detail));
}
