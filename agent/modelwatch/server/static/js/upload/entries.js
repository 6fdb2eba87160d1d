// Which files were dropped or chosen, each with its path in the version: `{root, files: [{path, file}]}`.
//
// Several files, or a folder among files, keep the names they have side by side; one folder alone is the version's root, as it is on the
// command line. What a working copy holds besides the model is left out.

const LEFT_OUT = new Set([".git", ".idea", ".pytest_cache", "__pycache__", ".modelwatch"]);

/** Return what was dropped; folders are read to their depth. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean); // before the first await: they are gone after it
  if (!entries.length) return arranged([...transfer.files].map((file) => ({ path: file.name, file })));
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  return arranged(found);
}

/** Return what was chosen with an input; a folder's files say where they are in it. */
export function chosen(files) {
  return arranged([...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
}

async function walk(entry, folder, found) {
  const path = folder + entry.name;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ path, file });
    return;
  }
  if (LEFT_OUT.has(entry.name)) return;
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // at most 100 each time
    if (!some.length) return;
    for (const inner of some) await walk(inner, `${path}/`, found);
  }
}

function arranged(found) {
  const kept = found.filter(({ path }) => !path.split("/").slice(0, -1).some((name) => LEFT_OUT.has(name)));
  kept.sort((a, b) => (a.path < b.path ? -1 : 1));
  const tops = new Set(kept.map(({ path }) => path.split("/")[0]));
  const [top] = tops;
  if (tops.size !== 1 || !kept.every(({ path }) => path.includes("/"))) {
    return { root: kept.length === 1 ? kept[0].path : "", files: kept };
  }
  return { root: top, files: kept.map(({ path, file }) => ({ path: path.slice(top.length + 1), file })) };
}
