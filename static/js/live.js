/**
 * Keeps a page up to date: the socket is a hint, what is true is read over HTTP.
 *
 * A page that never gets a socket still finishes: it polls while something is being analysed. A socket that falls silent is
 * closed and opened again with growing pauses.
 */

export const POLL = { first: 2000, factor: 1.3, longest: 10000, idle: 30000, beside: 15000 };
/** The server says something at least every 20 s. */
export const SOCKET = { check: 15000, silence: 60000, first: 1000, longest: 30000 };
/** Close codes of the server: no session, no such study. Trying again would not help. */
const LOGIN_NEEDED = 4401;
const NOT_FOUND = 4404;

/**
 * Milliseconds until the next look; null: none is needed.
 * @param {number} step looks since something changed.
 * @param {{busy: boolean, connected: boolean}} state whether anything is in work, whether the socket is there.
 */
export function pollPause(step, { busy, connected }) {
  if (connected) {
    return busy ? POLL.beside : null; // a hint may be lost
  }
  return busy ? Math.min(Math.round(POLL.first * POLL.factor ** step), POLL.longest) : POLL.idle;
}

export class Live {
  #socket = null;
  #connected = false;
  #pollTimer = null;
  #watchdog = null;
  #reconnectTimer = null;
  #reconnectPause = SOCKET.first;
  #step = 0;
  #lastHeard = 0;
  #reading = false;
  #again = false;
  #stopped = false;

  /**
   * @param {object} parts
   * @param {string} parts.socketUrl ws: or wss: address.
   * @param {() => Promise<object>} parts.read reads what is true over HTTP.
   * @param {(data: object) => boolean} parts.onData shows it; returns whether anything is still in work.
   * @param {(error: Error) => void} parts.onError
   * @param {typeof WebSocket} [parts.Socket]
   */
  constructor({ socketUrl, read, onData, onError, Socket = globalThis.WebSocket, clock = () => Date.now() }) {
    Object.assign(this, { socketUrl, read, onData, onError, Socket, clock });
    this.busy = true;
  }

  get connected() {
    return this.#connected;
  }

  start() {
    this.#connect();
    return this.refresh();
  }

  stop() {
    this.#stopped = true;
    [this.#pollTimer, this.#reconnectTimer].forEach(clearTimeout);
    clearInterval(this.#watchdog);
    this.#socket?.close();
  }

  /** Read now; calls that come while one is under way make one more read after it. */
  async refresh() {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    clearTimeout(this.#pollTimer);
    try {
      this.busy = this.onData(await this.read());
    } catch (error) {
      this.onError(error);
    }
    this.#reading = false;
    if (this.#again) {
      this.#again = false;
      await this.refresh();
      return;
    }
    this.#schedulePoll();
  }

  /** Something was started here: look again soon, whatever the pause has grown to. */
  hurry() {
    this.#step = 0;
    this.busy = true;
    return this.refresh();
  }

  #schedulePoll() {
    clearTimeout(this.#pollTimer);
    if (this.#stopped) {
      return;
    }
    const pause = pollPause(this.#step, { busy: this.busy, connected: this.#connected });
    this.#step = this.busy ? this.#step + 1 : 0;
    if (pause !== null) {
      this.#pollTimer = setTimeout(() => this.refresh(), pause);
    }
  }

  #connect() {
    if (this.#stopped || !this.Socket) {
      return;
    }
    let socket;
    try {
      socket = new this.Socket(this.socketUrl);
    } catch {
      return; // a browser or policy without sockets: polling does it
    }
    this.#socket = socket;
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#heard(event.data);
    socket.onclose = (event) => this.#closed(event.code);
  }

  #opened() {
    this.#connected = true;
    this.#reconnectPause = SOCKET.first;
    this.#lastHeard = this.clock();
    clearInterval(this.#watchdog);
    this.#watchdog = setInterval(() => this.#check(), SOCKET.check);
    this.refresh();
  }

  #heard(text) {
    this.#lastHeard = this.clock();
    let message = {};
    try {
      message = JSON.parse(text);
    } catch {
      return;
    }
    if (message.type === "changed") {
      this.refresh();
    }
  }

  #check() {
    if (this.clock() - this.#lastHeard > SOCKET.silence) {
      this.#socket.close(); // half-open: the browser alone would wait for minutes
    }
  }

  #closed(code) {
    this.#connected = false;
    clearInterval(this.#watchdog);
    if (this.#stopped) {
      return;
    }
    this.#step = 0;
    this.#schedulePoll();
    if (code === LOGIN_NEEDED || code === NOT_FOUND) {
      this.refresh(); // HTTP says what it is about
      return;
    }
    clearTimeout(this.#reconnectTimer);
    this.#reconnectTimer = setTimeout(() => this.#connect(), this.#reconnectPause);
    this.#reconnectPause = Math.min(this.#reconnectPause * 2, SOCKET.longest);
  }
}

/** The websocket address of `path` on this server. */
export function socketAddress(path, location = globalThis.location) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
}
