"""The floor: the least that an agent in Python can be. Standard library, two tools, no log, no policy, no errors.

`python floor_agent.py BASE_URL PROMPT` prints the answer as it comes.
"""

import http.client
import json
import subprocess
import sys

TOOLS = [
    {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "properties": {argument: {"type": "string"}}}},
    }
    for name, argument in (("bash", "command"), ("read", "path"))
]


def ask(connection, path, messages):
    """One model call: prints the text, returns the tool calls."""
    body = json.dumps({"model": "bench", "stream": True, "messages": messages, "tools": TOOLS})
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    calls = {}
    for line in response:
        if not line.startswith(b"data: {"):
            continue
        for choice in json.loads(line[6:])["choices"]:
            delta = choice["delta"]
            if delta.get("content"):
                sys.stdout.write(delta["content"])
            for part in delta.get("tool_calls", ()):
                found = calls.setdefault(part["index"], {"id": "", "name": "", "arguments": ""})
                found["id"] = part.get("id") or found["id"]
                found["name"] = part["function"].get("name") or found["name"]
                found["arguments"] += part["function"].get("arguments", "")
    return list(calls.values())


def use(call):
    """The result of one tool call, as text."""
    given = json.loads(call["arguments"])
    if call["name"] == "bash":
        done = subprocess.run(["/bin/bash", "-c", given["command"]], capture_output=True, text=True, check=False)
        return done.stdout + done.stderr
    with open(given["path"], encoding="utf-8") as file:
        return file.read()


def main():
    """Ask and use tools until the model asks for none."""
    base, prompt = sys.argv[1:]
    host, _, path = base.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host)
    messages = [{"role": "system", "content": "You are an agent."}, {"role": "user", "content": prompt}]
    while calls := ask(connection, f"/{path}/chat/completions", messages):
        wanted = [
            {"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}}
            for c in calls
        ]
        messages.append({"role": "assistant", "content": None, "tool_calls": wanted})
        messages += [{"role": "tool", "tool_call_id": c["id"], "content": use(c)} for c in calls]
    sys.stdout.write("\n")


main()
