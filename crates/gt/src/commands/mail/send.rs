//! Sending: one message, an answer, or one copy for each agent of a rig.

use std::io::Read as _;

use gt_core::Roll;
use gt_core::address::Address;
use gt_core::mail::{Message, MessageType, Priority};
use gt_host::clock;
use gt_store::{NewMessage, Store};

use super::{find, resolve, text};
use crate::cli::{MailSend, MailType};
use crate::context::Context;
use crate::error::{CliError, CliResult, Doing as _, Kind};
use crate::printer;

/// The longest text, in bytes: more than an agent can take in at once, and small enough that a
/// mistaken `gt mail send -m - < core` does not fill the store.
const LONGEST: u64 = 1 << 20;

/// Sends a message.
pub(super) fn send(context: &Context, arguments: &MailSend) -> CliResult {
    let sender = context.caller()?.address();
    let recipients = recipients(&arguments.address, &sender, &context.roll())?;
    let body = body(&arguments.message)?;
    let mut store = context.store()?;
    let answered = match &arguments.reply_to {
        Some(id) => Some(find(&store, id)?),
        None => None,
    };
    let draft = draft(&sender, recipients, &arguments.subject, body)?;
    let message = addressed(draft, arguments, answered.as_ref())?;
    deliver(context, &mut store, &message)
}

/// Answers a message.
pub(super) fn reply(
    context: &Context,
    id: &str,
    subject: Option<String>,
    message: &str,
) -> CliResult {
    let sender = context.caller()?.address();
    let body = body(message)?;
    let mut store = context.store()?;
    let original = find(&store, id)?;
    let partner = partner(&original, &sender);
    let recipients = recipients(partner, &sender, &context.roll())?;
    let subject = subject.unwrap_or_else(|| answer_to(&original.subject));
    let draft = draft(&sender, recipients, &subject, body)?;
    deliver(context, &mut store, &answering(draft, &original))
}

/// A message of normal priority that begins a conversation.
pub(in crate::commands) fn draft(
    sender: &Address,
    recipients: Vec<String>,
    subject: &str,
    body: String,
) -> CliResult<NewMessage> {
    if subject.trim().is_empty() {
        return Err(CliError::new(Kind::Usage, "a message needs a subject")
            .hint("`-s SUBJECT` gives it one"));
    }
    let id = clock::fresh_id();
    Ok(NewMessage {
        id,
        from: sender.to_string(),
        recipients,
        subject: subject.to_owned(),
        body,
        sent_at: clock::now(),
        priority: Priority::Normal,
        kind: MessageType::Notification,
        thread: id,
        reply_to: None,
        pinned: false,
    })
}

/// The text given, or standard input for `-`.
pub(in crate::commands) fn body(given: &str) -> CliResult<String> {
    let body = if given == "-" {
        let mut body = String::new();
        std::io::stdin()
            .take(LONGEST + 1)
            .read_to_string(&mut body)
            .doing("read the text from standard input")?;
        body
    } else {
        given.to_owned()
    };
    if u64::try_from(body.len()).is_ok_and(|length| length <= LONGEST) {
        return Ok(body);
    }
    Err(
        CliError::failed(format!("the text is longer than {LONGEST} bytes"))
            .hint("save it as a file in the town and send its path"),
    )
}

/// Who gets a copy: one, or everyone known in a rig but the sender.
fn recipients(address: &str, sender: &Address, roll: &Roll) -> CliResult<Vec<String>> {
    let rig = match resolve(address, roll)? {
        address @ (Address::Agent(_) | Address::Overseer) => return Ok(vec![address.to_string()]),
        Address::Daemon => {
            return Err(CliError::failed("the daemon reads no mail")
                .hint("requests to it go to `deacon/`; `gt handoff` makes them"));
        }
        Address::Rig(rig) => rig,
    };
    Ok(roll
        .agents()
        .iter()
        .filter(|agent| agent.rig() == Some(&rig))
        .map(|agent| Address::Agent(agent.clone()))
        .filter(|address| address != sender)
        .map(|address| address.to_string())
        .collect())
}

/// The draft with what the command line says about it.
fn addressed(
    draft: NewMessage,
    arguments: &MailSend,
    answered: Option<&Message>,
) -> CliResult<NewMessage> {
    let kind = match arguments.kind {
        MailType::Notification => MessageType::Notification,
        MailType::Task => MessageType::Task,
        MailType::Reply => MessageType::Reply,
    };
    let draft = match answered {
        Some(original) => answering(draft, original),
        None => draft,
    };
    let plain = kind == MessageType::Notification;
    Ok(NewMessage {
        kind: if plain { draft.kind } else { kind },
        priority: priority(arguments)?,
        pinned: arguments.pinned,
        ..draft
    })
}

fn priority(arguments: &MailSend) -> CliResult<Priority> {
    let number = arguments.priority;
    let given = Priority::from_number(number).ok_or_else(|| {
        CliError::new(Kind::Usage, format!("there is no priority {number}"))
            .hint("0 is urgent, 1 high, 2 normal, 3 low")
    })?;
    Ok(match given {
        _ if arguments.urgent => Priority::Urgent,
        Priority::Normal if arguments.notify => Priority::High,
        given => given,
    })
}

fn answering(draft: NewMessage, original: &Message) -> NewMessage {
    NewMessage {
        kind: MessageType::Reply,
        thread: original.thread,
        reply_to: Some(original.id),
        ..draft
    }
}

/// The other side of a message: who answers one's own goes on talking to its recipient.
fn partner<'a>(original: &'a Message, sender: &Address) -> &'a str {
    if original.from == sender.to_string() {
        &original.to
    } else {
        &original.from
    }
}

fn answer_to(subject: &str) -> String {
    let is_answer = subject
        .get(..3)
        .is_some_and(|head| head.eq_ignore_ascii_case("re:"));
    if is_answer {
        subject.to_owned()
    } else {
        format!("Re: {subject}")
    }
}

fn deliver(context: &Context, store: &mut Store, message: &NewMessage) -> CliResult {
    store.send(message).doing("send the message")?;
    context.wake();
    let id = text::short(message.id);
    printer::talk(format!("sent {id} to {}", message.recipients.join(", ")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use gt_core::{AgentId, RigName, WorkerName};
    use uuid::Uuid;

    use super::*;
    use crate::cli::{Cli, Command, Mail};

    fn roll() -> Roll {
        let gas = RigName::new("gas").unwrap();
        let max = WorkerName::new("max").unwrap();
        let joe = WorkerName::new("joe").unwrap();
        let workers = [
            AgentId::Crew(gas.clone(), max),
            AgentId::Polecat(gas.clone(), joe),
        ];
        Roll::new([gas, RigName::new("oil").unwrap()], workers)
    }

    fn mayor() -> Address {
        Address::Agent(AgentId::Mayor)
    }

    #[track_caller]
    fn check_recipients(address: &str, sender: &Address, expect: &str) {
        let found = match recipients(address, sender, &roll()) {
            Ok(found) => found.join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expect, "{address}");
    }

    /// Covers M11, M14: a rig's address reaches everyone in it, and only those.
    #[test]
    fn a_rigs_address_reaches_everyone_there_but_the_sender() {
        let everyone = "gas/witness gas/refinery gas/crew/max gas/polecats/joe";
        check_recipients("gas/", &mayor(), everyone);
        let witness = Address::resolve("gas/witness", &roll()).unwrap();
        let others = "gas/refinery gas/crew/max gas/polecats/joe";
        check_recipients("gas/", &witness, others);
        check_recipients("gas/joe", &witness, "gas/polecats/joe");
        check_recipients("gas/witness", &witness, "gas/witness");
        check_recipients("human", &witness, "overseer");
    }

    #[test]
    fn an_address_of_nobody_is_refused_with_the_next_command() {
        check_recipients(
            "mayor2",
            &mayor(),
            "error: no agent `mayor2` in this town\n\
             hint: did you mean `mayor`?\n\
             hint: `gt agents` lists them\n\
             hint: `overseer` is the person, `RIG/` everyone in a rig",
        );
        check_recipients(
            "gaz/",
            &mayor(),
            "error: no rig `gaz` in this town\n\
             hint: did you mean `gas`?\n\
             hint: `gt rig list` lists them\n\
             hint: `overseer` is the person, `RIG/` everyone in a rig",
        );
        check_recipients(
            "mayr/",
            &mayor(),
            "error: no agent `mayr/` in this town\n\
             hint: did you mean `mayor`?\n\
             hint: `gt agents` lists them\n\
             hint: `overseer` is the person, `RIG/` everyone in a rig",
        );
        check_recipients(
            "daemon",
            &mayor(),
            "error: the daemon reads no mail\n\
             hint: requests to it go to `deacon/`; `gt handoff` makes them",
        );
    }

    fn original() -> Message {
        Message {
            id: Uuid::from_u128(7),
            from: "mayor/".to_owned(),
            to: "gas/witness".to_owned(),
            subject: "Look at joe".to_owned(),
            body: String::new(),
            sent_at: jiff::Timestamp::UNIX_EPOCH,
            read_at: None,
            pinned: false,
            priority: Priority::Normal,
            kind: MessageType::Task,
            thread: Uuid::from_u128(5),
            reply_to: None,
        }
    }

    #[track_caller]
    fn check(flags: &str, answered: Option<&Message>, expect: &str) {
        let words = "gt mail send mayor/ -s Hello"
            .split(' ')
            .chain(flags.split_whitespace());
        let Command::Mail(Mail::Send(arguments)) = Cli::try_parse_from(words).unwrap().command
        else {
            panic!("another command");
        };
        let draft = draft(&mayor(), vec!["mayor/".to_owned()], "Hello", String::new()).unwrap();
        let own = draft.id;
        let message = addressed(draft, &arguments, answered).unwrap();
        let thread = if message.thread == own {
            "own".to_owned()
        } else {
            message.thread.to_string()
        };
        let priority = message.priority.number();
        let kind = message.kind.as_str();
        assert_eq!(format!("{priority} {kind} {thread}"), expect, "{flags}");
    }

    #[test]
    fn flags_say_how_soon_and_what_sort_it_is() {
        check("", None, "2 notification own");
        check("--notify", None, "1 notification own");
        check("--notify --priority 3", None, "3 notification own");
        check("--notify --priority 0", None, "0 notification own");
        check("--priority 4", None, "3 notification own");
        check("--urgent --priority 3 --type task", None, "0 task own");
    }

    #[test]
    fn an_answer_stays_in_its_thread() {
        let thread = Uuid::from_u128(5).to_string();
        check("", Some(&original()), &format!("2 reply {thread}"));
        check(
            "--type task",
            Some(&original()),
            &format!("2 task {thread}"),
        );
    }

    #[test]
    fn an_answer_goes_to_the_other_side_and_says_re_once() {
        let witness = Address::resolve("gas/witness", &roll()).unwrap();
        assert_eq!(partner(&original(), &witness), "mayor/");
        assert_eq!(partner(&original(), &mayor()), "gas/witness");
        assert_eq!(answer_to("Look at joe"), "Re: Look at joe");
        assert_eq!(answer_to("RE: Look at joe"), "RE: Look at joe");
        assert_eq!(answer_to("é"), "Re: é");
    }

    #[test]
    fn a_message_needs_a_subject() {
        let error = draft(&mayor(), vec!["mayor/".to_owned()], " \n", String::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "error: a message needs a subject\nhint: `-s SUBJECT` gives it one"
        );
        assert_eq!(error.kind, Kind::Usage);
    }

    #[test]
    fn a_text_that_is_too_long_is_refused() {
        assert_eq!(body("short").unwrap(), "short");
        assert!(body(&"x".repeat((1 << 20) + 1)).is_err());
    }
}
