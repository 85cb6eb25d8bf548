// All script of the console. It decides nothing: without it every page reads, and every form posts.
const OURS = /^\/(?!api|static|set-up)/, doc = document, set = doc.documentElement.dataset;
// The token as typed last, in memory alone and for a quarter of an hour, to read on: each step that writes asks anew.
let token = "", used = Date.now(), shown = 0, asked = 0, second = 0, fade;
const find = (what, where = doc) => where.querySelector(what), all = (what, where = doc) => [...where.querySelectorAll(what)];
const say = (words) => {
  clearTimeout(fade);
  find("#toast").textContent = words;
  if (words) fade = setTimeout(say, 8e3);
};
const held = (e) => e.ctrlKey || e.metaKey;
const look = () => new URLSearchParams({ token, do: "look" });
const check = ({ dataset, value }) => dataset.typed && (find("#go").disabled = value !== dataset.typed);

async function page(url, body) {
  const answer = await fetch(url, { method: "POST", body });
  return [new DOMParser().parseFromString(await answer.text(), "text/html"), answer.headers.get("Content-Location")];
}

async function show(url, body, { keep, dialog } = {}) {
  const mine = ++asked, slow = setTimeout(say, 300, "Loading");
  const [found, at] = await page(url, body).catch(() => []);
  clearTimeout(slow);
  if (!found) return say("No answer. Look before trying again.");
  if (mine !== asked) return;
  const form = find("#stop-form", found);
  if (dialog && form) {
    say("");
    dialog.replaceChildren(form);
    if (!dialog.open) dialog.showModal();
    check(find("#stop-typed"));
    return (find("#said", dialog) || find("#stop-reason")).focus();
  }
  shown = performance.now();
  doc.title = found.title;
  doc.body.replaceWith(found.body);
  if (!keep) history.pushState(0, "", at || url), scrollTo(0, 0);
  (find("#said") || find("main")).focus({ preventScroll: !0 });
}

const again = () => show(location.href, look(), { keep: 1 });

async function follow() {
  const mine = asked, [now] = await page(location.href, look());
  const olds = all("[data-live]"), news = all("[data-live]", now), main = find("main[data-poll]", now);
  if (mine !== asked || !main) return;
  const ids = (parts) => `${parts.map((part) => part.dataset.live)}`;
  if (ids(olds) !== ids(news)) return find("[open], input:focus") || again();
  find("main").dataset.poll = main.dataset.poll;
  olds.forEach((old, n, _, part = news[n]) => {
    if (old.dataset.say !== part.dataset.say) say(part.dataset.say);
    if (!old.role && !find(":focus", old)) old.replaceWith(part);
  });
}

const on = {
  submit(e) {
    const form = e.target, by = e.submitter, url = new URL(form.action), read = form.method === "get";
    if (!OURS.test(url.pathname) || read && !token || by?.value === "csv") return;
    e.preventDefault();
    const body = new URLSearchParams(new FormData(form, by));
    if (read) return show(`${url.pathname}?${body}`, look());
    token = body.get("token") || token;
    if (by?.value === "preview") body.set("token", token);
    show(url.href, body, { dialog: form.closest("dialog") });
  },
  click(e) {
    const over = (what) => e.target.closest(what), link = over("a[href^='/']"), dialog = find("dialog");
    const now = set.theme || matchMedia("(prefers-color-scheme:dark)").matches && "dark";
    if (over("#theme")) set.theme = localStorage.theme = now === "dark" ? "light" : "dark";
    if (!token || !link || held(e) || e.shiftKey || !OURS.test(link.pathname)) return;
    e.preventDefault();
    if (dialog.open && link.matches("[data-close]")) return dialog.close();
    show(link.href, look(), { dialog: link.matches("[data-dialog]") && dialog });
  },
  input: (e) => check(e.target),
  close: (e) => e.target.replaceChildren(),
  keydown: (e) => held(e) && e.key === "k" && (e.preventDefault(), find("#jump").focus()),
  popstate: () => location.hash || again(),
};
for (const kind in on) addEventListener(kind, (e) => { used = Date.now(); on[kind](e); }, true);

setInterval(() => {
  if (Date.now() - used > 9e5) token = "";
  const each = find("main").dataset.poll, two = (n) => `${~~n % 60}`.padStart(2, 0);
  for (const clock of all("[data-seconds]")) {
    // Below zero it counts down, and stops there.
    const from = +clock.dataset.seconds, at = from + (performance.now() - shown) / 1e3,
      s = from * at < 0 ? 0 : Math.abs(at), days = ~~(s / 86400);
    clock.textContent = `${days ? days + " d " : ""}${~~(s / 3600) % 24}:${two(s / 60)}:${two(s)}`;
  }
  if (token && each && !doc.hidden && !(++second % each)) follow().catch(() => {});
}, 1000);
