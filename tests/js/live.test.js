import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { settle } from "./browser.js";
import { Live, POLL, pollPause, SOCKET, socketAddress } from "../../static/js/live.js";

class FakeSocket {
  static made = [];

  constructor(url) {
    this.url = url;
    FakeSocket.made.push(this);
  }

  close() {
    this.drop(1006);
  }

  open() {
    this.onopen();
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  drop(code) {
    this.onclose({ code });
  }
}

let reads = 0;
let busy = true;
let now = 0;
let live = null;

function start(parts = {}) {
  live = new Live({
    socketUrl: "ws://h/ws",
    read: async () => {
      reads += 1;
      return {};
    },
    onData: () => busy,
    onError: () => {},
    Socket: FakeSocket,
    clock: () => now,
    ...parts,
  });
  return live.start();
}

async function pass(milliseconds) {
  now += milliseconds;
  mock.timers.tick(milliseconds);
  await settle();
}

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  FakeSocket.made = [];
  [reads, busy, now] = [0, true, 0];
});

afterEach(() => {
  live?.stop();
  mock.timers.reset();
});

test("pauses grow while something is in work, and are long when nothing is", () => {
  const waiting = { busy: true, connected: false };
  assert.equal(pollPause(0, waiting), 2000);
  assert.ok(pollPause(3, waiting) > pollPause(2, waiting));
  assert.equal(pollPause(50, waiting), POLL.longest);
  assert.equal(pollPause(0, { busy: false, connected: false }), POLL.idle);
  assert.equal(pollPause(0, { busy: true, connected: true }), POLL.beside);
  assert.equal(pollPause(0, { busy: false, connected: true }), null);
});

test("a page without sockets finishes by polling", async () => {
  await start({ Socket: undefined });
  assert.equal(reads, 1);
  await pass(POLL.first);
  assert.equal(reads, 2);
  busy = false;
  await pass(POLL.longest);
  assert.equal(reads, 3);
  await pass(POLL.longest);
  assert.equal(reads, 3);
});

test("a browser that forbids sockets is no error", async () => {
  await start({
    Socket: class {
      constructor() {
        throw new Error("SecurityError");
      }
    },
  });
  await pass(POLL.first);
  assert.equal(reads, 2);
});

test("a hint leads to one look", async () => {
  await start();
  const [socket] = FakeSocket.made;
  socket.open();
  await settle();
  const before = reads;
  socket.say({ type: "changed" });
  await settle();
  assert.equal(reads, before + 1);
  socket.say({ type: "ping" });
  socket.onmessage({ data: "not json" });
  await settle();
  assert.equal(reads, before + 1);
});

test("hints that come during a look make one more look", async () => {
  let finish = null;
  await Promise.race([
    start({
      read: () => {
        reads += 1;
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
    }),
    settle(),
  ]);
  const [socket] = FakeSocket.made;
  socket.open();
  socket.say({ type: "changed" });
  socket.say({ type: "changed" });
  finish({});
  await settle();
  assert.equal(reads, 2);
  finish({});
  await settle();
  assert.equal(reads, 2);
});

test("a lost socket is opened again, with growing pauses, and polling fills the gap", async () => {
  await start();
  FakeSocket.made[0].open();
  await settle();
  FakeSocket.made[0].drop(1006);
  const before = reads;
  await pass(SOCKET.first);
  assert.equal(FakeSocket.made.length, 2);
  FakeSocket.made[1].drop(1006);
  await pass(SOCKET.first);
  assert.equal(FakeSocket.made.length, 2);
  await pass(SOCKET.first);
  assert.equal(FakeSocket.made.length, 3);
  assert.ok(reads > before);
});

test("a socket that falls silent is replaced", async () => {
  await start();
  FakeSocket.made[0].open();
  for (let passed = 0; passed <= SOCKET.silence; passed += SOCKET.check) {
    await pass(SOCKET.check);
  }
  await pass(SOCKET.first);
  assert.equal(FakeSocket.made.length, 2);
});

test("a socket that the server refuses for good is not opened again", async () => {
  for (const code of [4401, 4404]) {
    FakeSocket.made = [];
    await start();
    FakeSocket.made[0].open();
    FakeSocket.made[0].drop(code);
    await pass(SOCKET.longest);
    assert.equal(FakeSocket.made.length, 1);
    live.stop();
  }
});

test("a failed look is told and tried again", async () => {
  const errors = [];
  await start({
    Socket: undefined,
    read: async () => {
      reads += 1;
      throw new Error("down");
    },
    onError: (error) => errors.push(error.message),
  });
  await pass(POLL.first);
  assert.equal(reads, 2);
  assert.deepEqual(errors, ["down", "down"]);
});

test("nothing happens after stop", async () => {
  await start();
  live.stop();
  await pass(POLL.idle);
  assert.equal(reads, 1);
  assert.equal(FakeSocket.made.length, 1);
});

test("the socket's address follows that of the page", () => {
  assert.equal(socketAddress("/ws/x/", { protocol: "https:", host: "eye.example:8443" }), "wss://eye.example:8443/ws/x/");
  assert.equal(socketAddress("/ws/x/", { protocol: "http:", host: "localhost" }), "ws://localhost/ws/x/");
});
