// The form's values, told whenever one of them changes, by whomever; no server hears of it.
const TOLD = "veo-form-values";

export function tellFormValues(values) {
  window.dispatchEvent(new CustomEvent(TOLD, { detail: values }));
}

// The form's own, and what is asked for of takes, which are the last two.
export const parted = (values) => ({ form: values.slice(0, -2), asked: values.slice(-2) });

export function onFormValues(heard) {
  window.addEventListener(TOLD, ({ detail }) => heard(detail));
}
