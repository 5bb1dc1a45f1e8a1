// Written by gt for the agents of a town; not loaded by anything else. It tells the town's daemon what
// this program does, and takes what is due: the role, mail, and the next message at a turn's end.
import { spawnSync } from "node:child_process"

const gt = GT_PROGRAM

// Never a failure of the agent's: what cannot be asked is answered by nothing.
function hook(event, session) {
  const told = JSON.stringify({ hook_event_name: event, session_id: session })
  try {
    const { stdout } = spawnSync(gt, ["hook", event], { input: told, encoding: "utf8", timeout: 10000 })
    return JSON.parse(stdout)
  } catch {
    return {}
  }
}

const context = (answer) => answer.hookSpecificOutput?.additionalContext

export const GasTown = async ({ client }) => {
  // Sub-agents have sessions of their own; what they do is not what the agent does.
  const nested = new Set()
  let role
  let news = []

  const takeNext = (session) => {
    const answer = hook("Stop", session)
    if (answer.decision !== "block") return
    prompt(session, answer.reason, 3)
  }

  // gt has let go of the message: a session that does not take it at once is asked again.
  const prompt = async (session, text, tries) => {
    const body = { parts: [{ type: "text", text }] }
    const asked = client.session.promptAsync({ path: { id: session }, body })
    const { error } = await asked.catch((error) => ({ error }))
    if (!error || tries <= 1) return
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await prompt(session, text, tries - 1)
  }

  return {
    event: async ({ event }) => {
      const properties = event.properties ?? {}
      const session = properties.sessionID ?? properties.info?.id
      if (event.type === "session.created" && properties.info?.parentID) nested.add(session)
      if (nested.has(session)) return
      if (event.type === "permission.asked") hook("PermissionRequest", session)
      if (event.type === "permission.replied") hook("PostToolUse", session)
      if (event.type === "session.idle") {
        news = []
        takeNext(session)
      }
    },
    "chat.message": async ({ sessionID }) => {
      if (nested.has(sessionID)) return
      role ??= context(hook("SessionStart", sessionID))
      news.push(context(hook("UserPromptSubmit", sessionID)))
    },
    "experimental.chat.system.transform": async (input, output) => {
      if (nested.has(input?.sessionID)) return
      output.system.push(...[role, ...news].filter(Boolean))
    },
  }
}
