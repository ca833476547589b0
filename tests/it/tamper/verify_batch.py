"""Runs tools/verify_log.py on many logs in one process, for tests: verify_batch.py SCRIPT, tasks as JSON lines on standard input.

{"arguments": [...]}           one run of `main`; answers with its exit code, the word and the sentence
{"flips": LOG, "trust": FILE}  every byte of every file of the log changed in turn; answers with the words, how often each, and misses"""
import collections, contextlib, functools, importlib.util, io, json, pathlib, re, sys

spec = importlib.util.spec_from_file_location("verify_log", sys.argv[1])
verify_log = importlib.util.module_from_spec(spec)
spec.loader.exec_module(verify_log)
# The same signature need not be computed thousands of times.
verify_log.has_signed = functools.lru_cache(None)(verify_log.has_signed)

def run(arguments):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = verify_log.main(arguments)
    found = re.fullmatch(r"WRONG \((\w+)\): (.+)\n", printed.getvalue())
    word = found[1] if found else {0: "verified", 2: "unreadable"}[code]
    return {"exit": code, "word": word, "text": printed.getvalue()}

def flips(log, trust):
    trust, words, missed = verify_log.read_trust(pathlib.Path(trust).read_text()), collections.Counter(), []
    for file in sorted(path for path in pathlib.Path(log).rglob("*") if path.is_file() and path.name != "trust"):
        whole = file.read_bytes()
        for at in range(len(whole)):
            changed = bytearray(whole)
            changed[at] ^= 1 << at % 8
            file.write_bytes(changed)
            try:
                verify_log.check_log(log, trust)
                missed.append(f"{file.name} {at}")
            except verify_log.Wrong as wrong:
                words[wrong.args[0]] += 1
        file.write_bytes(whole)
    return {"words": words, "missed": missed}

for line in sys.stdin:
    task = json.loads(line)
    print(json.dumps(run(task["arguments"]) if "arguments" in task else flips(task["flips"], task["trust"])), flush=True)
