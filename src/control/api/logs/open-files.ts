import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

/** A log file that is open for appending. All work on it runs one after the other. */
export interface OpenFile {
  handle: FileHandle;
  /** Bytes in the file. */
  size: number;
  /** Written since the last fdatasync. */
  dirty: boolean;
}

interface Slot {
  turn: Promise<unknown>;
  users: number;
  file: OpenFile | null;
}

export interface OpenFiles {
  /** Opens (and makes) the file, or takes it from the cache, and runs `work` alone on it. A throw closes the file: its size is then read anew. */
  use<T>(path: string, work: (file: OpenFile) => Promise<T>): Promise<T>;
  /** Makes what was written so far durable. */
  sync(path: string): Promise<void>;
  syncAll(): Promise<void>;
  closeAll(): Promise<void>;
}

/** At most `limit` idle descriptors stay open; the one used longest ago is closed first. */
export function createOpenFiles(limit: number): OpenFiles {
  const slots = new Map<string, Slot>();

  async function use<T>(path: string, work: (file: OpenFile) => Promise<T>): Promise<T> {
    const slot = slots.get(path) ?? { turn: Promise.resolve(), users: 0, file: null };
    slots.delete(path);
    slots.set(path, slot);
    slot.users += 1;
    const turn = slot.turn.then(() => runIn(slot, path, work));
    slot.turn = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      slot.users -= 1;
      await evict();
    }
  }

  async function evict(): Promise<void> {
    for (const [path, slot] of slots) {
      if (slots.size <= limit) return;
      if (slot.users > 0) continue;
      slots.delete(path);
      await closeSlot(slot);
    }
  }

  const sync = async (path: string) => {
    if (slots.get(path)?.file?.dirty) await use(path, syncFile);
  };

  return {
    use,
    sync,
    syncAll: async () => {
      await Promise.all([...slots.keys()].map(sync));
    },
    closeAll: async () => {
      const all = [...slots.values()];
      slots.clear();
      await Promise.all(all.map((slot) => slot.turn.then(() => closeSlot(slot))));
    },
  };
}

async function runIn<T>(slot: Slot, path: string, work: (file: OpenFile) => Promise<T>): Promise<T> {
  slot.file ??= await openForAppend(path);
  try {
    return await work(slot.file);
  } catch (error) {
    const { handle } = slot.file;
    slot.file = null;
    await handle.close();
    throw error;
  }
}

async function closeSlot(slot: Slot): Promise<void> {
  const file = slot.file;
  slot.file = null;
  if (!file) return;
  await syncFile(file);
  await file.handle.close();
}

async function syncFile(file: OpenFile): Promise<void> {
  if (!file.dirty) return;
  file.dirty = false;
  await file.handle.datasync();
}

/** Never through a link: the folder is ours, but a link planted there must not aim a write elsewhere. */
async function openForAppend(path: string): Promise<OpenFile> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  return { handle, size: (await handle.stat()).size, dirty: false };
}
