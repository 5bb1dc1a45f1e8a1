use gt_core::Desire;
use gt_core::snapshot::Owed;
use gt_store::TownRows;

use crate::world::{World, agent, message, request, wish};

#[test]
fn a_beat_sees_what_others_wrote() {
    let world = World::new();
    let daemon = world.open();
    assert_eq!(daemon.read_town().unwrap(), TownRows::default());
    let before = daemon.data_version().unwrap();

    let mut command = world.open();
    let wishes = [(agent("mayor"), wish(Desire::Up, "overseer", 1))];
    command.set_intents(&wishes).unwrap();
    command.submit_request(&request(1, Some(1)), None).unwrap();
    command.send(&message(1, &["mayor/"])).unwrap();
    command.send(&message(3, &["mayor/"])).unwrap();
    let mut lifecycle = message(2, &["deacon/"]);
    lifecycle.subject = "LIFECYCLE: mayor requesting cycle".to_owned();
    command.send(&lifecycle).unwrap();

    assert_ne!(daemon.data_version().unwrap(), before);
    let rows = daemon.read_town().unwrap();
    assert_eq!(rows.intents, wishes.into());
    assert_eq!(rows.requests, [(request(1, Some(1)), None)]);
    let owed = Owed {
        mail: 2,
        newest: Some(message(3, &[]).sent_at),
    };
    assert_eq!(rows.owed, [("mayor/".to_owned(), owed)].into());
    assert_eq!(rows.lifecycle_mail.len(), 1);
    assert_eq!(rows.lifecycle_mail[0].subject, lifecycle.subject);
}
