// Talking to the server.

export class Refused extends Error {} // it answered, and asking again would not help
export class Unreachable extends Error {} // nobody answered who knows this page

const tokenMeta = document.querySelector("meta[name=negmine-token]");
if (tokenMeta.content) sessionStorage.setItem("token", tokenMeta.content); // a reload brings none
const token = sessionStorage.getItem("token") ?? "";

const GONE = "The server does not answer. Start `negmine review` again, and open the address that it prints in this window.";

export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable(GONE);
  }
  if (answer.ok) return answer;
  if (answer.status === 403) throw new Unreachable("The server was started again since. Open the address that it printed last in this window.");
  const text = await answer.text();
  let said = text;
  try { said = JSON.parse(text).error; } catch { /* it is not of ours */ }
  throw new Refused(said || `The server answered ${answer.status}.`);
}

export async function askJson(path, options) {
  const answer = await ask(path, options);
  return answer.json().catch(() => { throw new Unreachable(GONE); }); // it went away in the middle
}

export function change(path, body) {
  const headers = { "content-type": "application/json", [tokenMeta.name]: token };
  return askJson(path, { method: "POST", headers, body: JSON.stringify(body) });
}
