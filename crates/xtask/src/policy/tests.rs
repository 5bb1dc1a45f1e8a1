//! Licence expressions, and crates that deny.toml refuses.

use super::*;

fn check_license(expression: &str) -> bool {
    let allowed = [
        "MIT",
        "Apache-2.0",
        "Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
    ];
    licensed(expression, &allowed.map(str::to_owned).into())
}

#[test]
fn an_expression_is_met_by_the_allowed_licences_alone() {
    for met in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/Apache-2.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
        "GPL-3.0 AND ISC OR MIT",
    ] {
        assert!(check_license(met), "{met}");
    }
    for unmet in [
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-3.0",
        "MIT WITH Classpath-exception-2.0",
    ] {
        assert!(!check_license(unmet), "{unmet}");
    }
}

#[test]
fn an_expression_that_cannot_be_read_is_not_met() {
    for broken in ["", "MIT OR", "(MIT", "MIT MIT", "AND MIT"] {
        assert!(!check_license(broken), "{broken:?}");
    }
}

fn check_crate(name: &str, license: Option<&str>, source: &str) -> Vec<String> {
    let policy = Policy::parse(
        r#"
        licenses = { allow = ["MIT"] }
        bans = { deny = [{ crate = "openssl-sys", reason = "needs a C library" }], skip = [] }
        sources = { allow-registry = ["https://crates.example"] }
        "#,
    );
    let foreign = ForeignCrate {
        name,
        version: "1.0.0".to_owned(),
        license,
        source,
    };
    let findings = policy.unwrap().check_crate(&foreign);
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_banned_crate_and_one_from_elsewhere_are_found_with_their_reasons() {
    let registry = "registry+https://crates.example";
    assert!(check_crate("fine", Some("MIT"), registry).is_empty());
    assert_eq!(
        check_crate("openssl-sys", Some("MIT"), registry),
        ["openssl-sys 1.0.0: is banned: needs a C library"]
    );
    assert_eq!(
        check_crate("a", None, "git+https://elsewhere"),
        [
            "a 1.0.0: names no licence",
            "a 1.0.0: comes from `git+https://elsewhere`, not from a registry of deny.toml",
        ]
    );
}
