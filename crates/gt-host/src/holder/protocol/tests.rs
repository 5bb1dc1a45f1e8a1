use super::*;

fn incarnation() -> IncarnationId {
    "0198c0de-0000-7000-8000-000000000001".parse().unwrap()
}

fn check<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(body: &T, line: &str) {
    let encoded = encode(Some(4), body);
    assert_eq!(String::from_utf8(encoded).unwrap(), format!("{line}\n"));
    assert_eq!(decode::<T>(line.as_bytes()).unwrap().body, *body);
}

/// The wire is a promise to every later version: a change here breaks running holders.
#[test]
fn messages_have_this_form_on_the_wire() {
    check(&Request::Hello, r#"{"v":1,"id":4,"request":"hello"}"#);
    check(
        &Request::Start(Box::new(Start {
            incarnation: incarnation(),
            argv: vec!["claude".to_owned()],
            env: vec![("HOME".to_owned(), "/h".to_owned())],
            cwd: "/town".to_owned(),
            keep: vec!["sccache".to_owned()],
            grace_ms: 5000,
        })),
        r#"{"v":1,"id":4,"request":"start","incarnation":"0198c0de-0000-7000-8000-000000000001","argv":["claude"],"env":[["HOME","/h"]],"cwd":"/town","keep":["sccache"],"grace_ms":5000}"#,
    );
    check(
        &Request::Signal {
            incarnation: incarnation(),
            signal: SignalName::Usr1,
        },
        r#"{"v":1,"id":4,"request":"signal","incarnation":"0198c0de-0000-7000-8000-000000000001","signal":"USR1"}"#,
    );
    check(
        &Answer::Started {
            incarnation: incarnation(),
            process: ProcessId { pid: 42, start: 7 },
            at: Timestamp::UNIX_EPOCH,
        },
        r#"{"v":1,"id":4,"says":"started","incarnation":"0198c0de-0000-7000-8000-000000000001","pid":42,"start":7,"at":"1970-01-01T00:00:00Z"}"#,
    );
    check(
        &Answer::Refused {
            refusal: Refusal::NotStarted {
                errno: 2,
                what: NotStarted::Program,
            },
        },
        r#"{"v":1,"id":4,"says":"refused","refusal":{"reason":"not_started","errno":2,"what":"program"}}"#,
    );
    check(
        &Answer::Exited {
            incarnation: incarnation(),
            exit: Exit::Signal(9),
            usage: Usage::default(),
            at: Timestamp::UNIX_EPOCH,
        },
        r#"{"v":1,"id":4,"says":"exited","incarnation":"0198c0de-0000-7000-8000-000000000001","exit":{"signal":9},"usage":{"user_ms":0,"sys_ms":0,"max_rss_kib":0},"at":"1970-01-01T00:00:00Z"}"#,
    );
}

/// Covers F83: what a later version adds is read over, and what it asks is known as unknown.
#[test]
fn what_a_later_version_adds_is_read_over() {
    let hello = br#"{"v":1,"later":[1],"request":"hello","more":{"x":1}}"#;
    assert_eq!(decode::<Request>(hello).unwrap().body, Request::Hello);
    let dance = br#"{"v":1,"id":9,"request":"dance","steps":3}"#;
    assert_eq!(decode::<Request>(dance).unwrap().body, Request::Unknown);
    let news = br#"{"v":1,"says":"sneezed","at":"now"}"#;
    assert_eq!(decode::<Answer>(news).unwrap().body, Answer::Unknown);
    let refusal = br#"{"v":1,"id":9,"says":"refused","refusal":{"reason":"mood"}}"#;
    let refused = Answer::Refused {
        refusal: Refusal::Unknown,
    };
    assert_eq!(decode::<Answer>(refusal).unwrap().body, refused);
}

#[test]
fn another_version_and_noise_are_told_apart() {
    let later = decode::<Request>(br#"{"v":2,"request":"hello"}"#).unwrap_err();
    assert_eq!(
        later.to_string(),
        "protocol version 2 is not spoken here, but 1"
    );
    for noise in [&b"hello"[..], b"{}", br#"{"v":1}"#, b"\xff", b""] {
        assert!(matches!(
            decode::<Request>(noise),
            Err(ProtocolError::Form(_))
        ));
    }
}
