// Draws scenes (messages, modals, the Home tab) as Slack shows them. `window.SCENES` is written by draw.py.
import { createRoot } from "react-dom/client";
import { Message } from "slack-blocks-to-jsx";
import "slack-blocks-to-jsx/dist/style.css";
import "./page.css";

const { scenes, columns, people } = window.SCENES;
const USERS = Object.entries(people).map(([id, name]) => ({ id, name }));

// What Slack writes for {date_short_pretty} and {time}, to a reader in UTC.
function inWords(seconds, format, now) {
  const [moment, today] = [new Date(seconds * 1000), new Date(now * 1000)];
  const day = (date) => Math.floor(date.getTime() / 86_400_000);
  const near = { [-1]: "yesterday", 0: "today", 1: "tomorrow" }[day(moment) - day(today)];
  const date = moment.toLocaleDateString("en-US", { month: "short", day: "numeric", timeZone: "UTC" });
  const time = moment.toLocaleTimeString("en-US", { hour: "numeric", minute: "2-digit", timeZone: "UTC" });
  return format.replace("{date_short_pretty}", near ?? date).replace("{time}", time);
}

const hooksAt = (now) => ({
  user: ({ id }) => <span className="mention">@{people[id] ?? id}</span>,
  date: ({ timestamp, format }) => <span>{inWords(Number(timestamp), format, now)}</span>,
});

// Slack's `verbatim` only makes no links of plain words; the package would draw the text unformatted.
const formatted = (blocks) => JSON.parse(JSON.stringify(blocks, (key, value) => (key === "verbatim" ? undefined : value)));

const Blocks = ({ scene, blocks }) => (
  <Message blocks={formatted(blocks)} theme="light" withoutWrapper hooks={hooksAt(scene.now)} data={{ users: USERS }} name="" logo="" />
);

const Post = ({ scene }) => (
  <div className="post">
    <div className="avatar">W&amp;B</div>
    <div className="body">
      <div className="sender">
        <b>W&amp;B Access</b> <span className="app">APP</span>
        <span className="time">{inWords(scene.now, "{time}", scene.now)}</span>
      </div>
      <Blocks scene={scene} blocks={scene.blocks} />
    </div>
  </div>
);

const Modal = ({ scene }) => (
  <div className="modal">
    <div className="bar"><div className="avatar small">W&amp;B</div><b>{scene.view.title.text}</b><span className="cross">×</span></div>
    <div className="inside">{scene.view.blocks.map((block, at) =>
      block.type === "input" ? <Input key={at} block={block} /> : <Blocks key={at} scene={scene} blocks={[block]} />)}</div>
    <div className="foot">
      <span className="button">{scene.view.close.text}</span>
      {scene.view.submit && <span className="button go">{scene.view.submit.text}</span>}
    </div>
  </div>
);

// Drawn here, because the package's inputs are live ones, which show a choice only once opened.
const Input = ({ block: { label, element, hint, optional } }) => {
  const value = element.initial_option?.text.text ?? element.initial_value;
  const shape = element.multiline ? "field tall" : "field";
  return (
    <div className="input">
      <b>{label.text}</b>{optional && <span className="hint"> (optional)</span>}
      <div className={shape}>
        <span className={value ? "" : "empty"}>{value ?? element.placeholder?.text ?? ""}</span>
        {element.type.endsWith("select") && <span className="arrow">⌄</span>}
      </div>
      {hint && <div className="hint">{hint.text}</div>}
    </div>
  );
};

const Home = ({ scene }) => (
  <div className="home">
    <div className="bar"><div className="avatar small">W&amp;B</div><b>W&amp;B Access</b></div>
    <div className="tabs"><span className="tab on">Home</span><span className="tab">Messages</span></div>
    <div className="inside"><Blocks scene={scene} blocks={scene.view.blocks} /></div>
  </div>
);

const Scene = ({ scene }) => {
  const kind = scene.view?.type;
  const drawn = kind === "modal" ? <Modal scene={scene} /> : kind === "home" ? <Home scene={scene} /> : <Post scene={scene} />;
  return (
    <figure className="scene" style={{ width: scene.width }}>
      {scene.caption && <figcaption>{scene.caption}</figcaption>}
      {drawn}
    </figure>
  );
};

createRoot(document.getElementById("page")).render(
  <main className={columns ? "columns" : "single"}>
    {columns
      ? columns.map((names, at) => <div className="column" key={at}>{names.map((at) => <Scene key={at} scene={scenes[at]} />)}</div>)
      : scenes.map((scene, at) => <Scene key={at} scene={scene} />)}
  </main>,
);
