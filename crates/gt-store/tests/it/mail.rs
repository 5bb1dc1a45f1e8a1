use gt_core::mail::Priority;
use gt_store::{Store, StoreError};
use uuid::Uuid;

use crate::world::{World, at, id, log, message, request};

fn subjects(store: &Store, to: &str) -> Vec<String> {
    let inbox = store.inbox(to, false).unwrap();
    inbox.into_iter().map(|message| message.subject).collect()
}

#[test]
fn an_inbox_shows_pinned_then_urgent_then_newest() {
    let world = World::new();
    let mut store = world.open();
    for number in 1..=3 {
        store.send(&message(number, &["mayor/"])).unwrap();
    }
    let mut urgent = message(4, &["mayor/"]);
    urgent.priority = Priority::Urgent;
    urgent.sent_at = at(0);
    store.send(&urgent).unwrap();
    let mut pinned = message(5, &["mayor/"]);
    pinned.priority = Priority::Low;
    pinned.pinned = true;
    store.send(&pinned).unwrap();
    assert_eq!(
        subjects(&store, "mayor/"),
        [
            "message 5",
            "message 4",
            "message 3",
            "message 2",
            "message 1"
        ]
    );

    store.set_pinned(id(2, 5), false).unwrap();
    store.set_pinned(id(2, 1), true).unwrap();
    assert_eq!(
        subjects(&store, "mayor/"),
        [
            "message 1",
            "message 4",
            "message 3",
            "message 2",
            "message 5"
        ]
    );
}

/// Covers M14: a broadcast is in everyone's inbox, pinning that fails is told, and reading marks.
#[test]
fn a_broadcast_gives_everyone_a_copy_of_their_own() {
    let world = World::new();
    let mut store = world.open();
    let everyone = ["gas/witness", "gas/refinery", "gas/crew/max", "gas/witness"];
    let copies = store.send(&message(1, &everyone)).unwrap();
    assert_eq!(copies.len(), 3, "who is named twice gets one copy");
    assert_eq!(copies[0], id(2, 1));
    for copy in &copies {
        assert_eq!(copy.get_version_num(), 7, "{copy}");
        assert_eq!(copy.get_variant(), uuid::Variant::RFC4122, "{copy}");
        let tail = &copy.to_string()[28..];
        assert_eq!(store.message(tail).unwrap().id, *copy);
    }

    store.mark_read(copies[1], at(9)).unwrap();
    assert_eq!(store.unread_count("gas/refinery").unwrap(), 0);
    assert_eq!(store.unread_count("gas/witness").unwrap(), 1);
    assert_eq!(store.unread_count("gas/crew/max").unwrap(), 1);
    assert_eq!(store.thread(copies[2]).unwrap().len(), 3);
    assert_eq!(
        log(&store),
        ["mail_sent gas/witness: to gas/witness, gas/refinery, gas/crew/max: message 1"]
    );

    assert!(
        store.send(&message(1, &everyone)).is_err(),
        "nothing is sent twice"
    );
    let nobody = store.send(&message(2, &[]));
    assert!(matches!(nobody, Err(StoreError::NoRecipients)));
    let lost = store.set_pinned(id(2, 9), true);
    assert!(matches!(lost, Err(StoreError::NotFound { .. })));
}

#[test]
fn reading_acknowledging_and_deleting_are_three_things() {
    let world = World::new();
    let mut store = world.open();
    for number in 1..=3 {
        store.send(&message(number, &["mayor/"])).unwrap();
    }
    store.mark_read(id(2, 1), at(10)).unwrap();
    store.mark_read(id(2, 1), at(20)).unwrap();
    store.acknowledge(id(2, 2), at(11)).unwrap();
    store.delete_message(id(2, 3), at(12)).unwrap();

    assert_eq!(subjects(&store, "mayor/"), ["message 1"]);
    assert!(store.inbox("mayor/", true).unwrap().is_empty());
    assert!(store.read_town().unwrap().owed.is_empty());
    let first = store.message(&id(2, 1).to_string()).unwrap();
    assert_eq!(first.read_at, Some(at(10)), "the first reading counts");
    let acknowledged = store.message(&id(2, 2).to_string()).unwrap();
    assert_eq!(acknowledged.read_at, Some(at(11)));
    let deleted = store.message(&id(2, 3).to_string());
    assert!(matches!(deleted, Err(StoreError::NotFound { .. })));
}

#[test]
fn a_thread_is_read_from_its_beginning() {
    let world = World::new();
    let mut store = world.open();
    store.send(&message(1, &["mayor/"])).unwrap();
    let mut reply = message(2, &["gas/witness"]);
    reply.thread = id(2, 1);
    reply.reply_to = Some(id(2, 1));
    store.send(&reply).unwrap();
    store.send(&message(3, &["mayor/"])).unwrap();

    let by_first = store.thread(id(2, 1)).unwrap();
    let ids: Vec<Uuid> = by_first.iter().map(|message| message.id).collect();
    assert_eq!(ids, [id(2, 1), id(2, 2)]);
    assert_eq!(by_first[1].reply_to, Some(id(2, 1)));
    assert_eq!(store.thread(id(2, 2)).unwrap(), by_first);
    assert!(store.thread(id(2, 9)).unwrap().is_empty());
}

#[test]
fn a_part_of_an_id_does_when_it_is_the_only_one() {
    let world = World::new();
    let mut store = world.open();
    let mut first = message(0xa1, &["mayor/"]);
    first.sent_at = at(1);
    store.send(&first).unwrap();
    let find = |store: &Store, text: &str| match store.message(text) {
        Ok(message) => message.subject,
        Err(StoreError::NotFound { .. }) => "not found".to_owned(),
        Err(StoreError::Ambiguous { matches, .. }) => format!("{matches} fit"),
        Err(error) => panic!("{error:?}"),
    };
    let full = id(2, 0xa1).to_string();
    assert_eq!(find(&store, &full[..8]), "message 161");
    assert_eq!(find(&store, &full[..8].to_uppercase()), "message 161");
    assert_eq!(find(&store, "00a1"), "message 161");
    assert_eq!(find(&store, &full[..3]), "not found", "too short");
    for nonsense in ["%%%%", "____", "' OR 1=1 --", "", "zzzz"] {
        assert_eq!(find(&store, nonsense), "not found", "{nonsense}");
    }

    store.send(&message(0xa2, &["mayor/"])).unwrap();
    assert_eq!(find(&store, &full[..8]), "2 fit");
    assert_eq!(find(&store, "00a1"), "message 161");
}

/// Covers L14: the deacon never sees it, and of two daemons one acts on it.
#[test]
fn lifecycle_mail_has_one_consumer() {
    let world = World::new();
    let mut store = world.open();
    let mut mail = message(1, &["deacon/"]);
    mail.subject = "  lifecycle: gas-witness requesting cycle".to_owned();
    store.send(&mail).unwrap();
    assert_eq!(store.unread_count("deacon/").unwrap(), 0);
    assert!(store.inbox("deacon/", false).unwrap().is_empty());
    assert_eq!(store.unhandled_lifecycle_mail().unwrap().len(), 1);

    let mut other = world.open();
    assert!(other.mark_handled(id(2, 1), at(5)).unwrap());
    assert!(!store.mark_handled(id(2, 1), at(5)).unwrap());
    assert!(store.unhandled_lifecycle_mail().unwrap().is_empty());
    assert_eq!(store.unread_count("deacon/").unwrap(), 0);
}

#[test]
fn only_mail_to_the_deacon_in_that_form_is_lifecycle_mail() {
    let world = World::new();
    let mut store = world.open();
    let mut to_mayor = message(1, &["mayor/"]);
    to_mayor.subject = "LIFECYCLE: mayor requesting cycle".to_owned();
    store.send(&to_mayor).unwrap();
    store.send(&message(2, &["deacon/"])).unwrap();
    assert!(store.unhandled_lifecycle_mail().unwrap().is_empty());
    assert_eq!(store.unread_count("mayor/").unwrap(), 1);
    assert_eq!(store.unread_count("deacon/").unwrap(), 1);
    assert!(!store.mark_handled(id(2, 2), at(5)).unwrap());
}

/// Covers L7: the request and its mail do not make two restarts.
#[test]
fn the_mail_of_a_stored_request_is_not_a_second_request() {
    let world = World::new();
    let mut store = world.open();
    let mut mail = message(1, &["deacon/"]);
    mail.subject = "LIFECYCLE: gas-witness requesting cycle".to_owned();
    store
        .submit_request(&request(1, Some(1)), Some(&mail))
        .unwrap();
    assert!(store.unhandled_lifecycle_mail().unwrap().is_empty());
    assert_eq!(
        store.message(&mail.id.to_string()).unwrap().subject,
        mail.subject
    );
}

#[test]
fn hostile_text_comes_back_as_it_was_and_does_nothing() {
    let world = World::new();
    let mut store = world.open();
    let hostile = "'; DROP TABLE message; -- \" ` $(reboot)\0\x1b]0;x\x07\r\n\u{202e}\u{0}%_\\";
    let mut sent = message(1, &[hostile]);
    sent.from = hostile.to_owned();
    sent.subject = hostile.to_owned();
    sent.body = hostile.repeat(1_000);
    store.send(&sent).unwrap();

    let read = store.inbox(hostile, true).unwrap().remove(0);
    assert_eq!(
        (read.from, read.to, read.subject, read.body),
        (sent.from, hostile.to_owned(), sent.subject, sent.body)
    );
    store.set_meta(hostile, hostile).unwrap();
    assert_eq!(store.meta(hostile).unwrap().as_deref(), Some(hostile));
    assert_eq!(store.meta("' OR 1=1 --").unwrap(), None);
}

/// Covers F84.
#[test]
fn mail_without_a_sender_is_refused() {
    let world = World::new();
    let mut store = world.open();
    let mut anonymous = message(1, &["mayor/", "deacon/"]);
    anonymous.from.clear();
    assert!(store.send(&anonymous).is_err());
    assert!(store.read_town().unwrap().owed.is_empty());
}
