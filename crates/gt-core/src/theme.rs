//! Colours of a session's status line: the original's palette.

use std::borrow::Cow;

use crate::agent_id::AgentId;

/// A background and a foreground, with the name that `gt theme` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    /// Its name in the palette.
    pub name: Cow<'static, str>,
    /// Background, `#rrggbb`.
    pub background: Cow<'static, str>,
    /// Foreground, `#rrggbb`.
    pub foreground: Cow<'static, str>,
}

impl Theme {
    /// One of a person's own colours; none where one is no `#rrggbb`, which goes into an option of tmux.
    pub fn custom(background: &str, foreground: &str) -> Option<Self> {
        let own = |colour: &str| is_colour(colour).then(|| Cow::Owned(colour.to_owned()));
        Some(Self {
            name: Cow::Borrowed("custom"),
            background: own(background)?,
            foreground: own(foreground)?,
        })
    }
}

fn is_colour(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or_default();
    digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit())
}

const fn theme(name: &'static str, background: &'static str, foreground: &'static str) -> Theme {
    Theme {
        name: Cow::Borrowed(name),
        background: Cow::Borrowed(background),
        foreground: Cow::Borrowed(foreground),
    }
}

/// The themes a rig can have, in the original's order.
pub const PALETTE: [Theme; 10] = [
    theme("ocean", "#1e3a5f", "#e0e0e0"),
    theme("forest", "#2d5a3d", "#e0e0e0"),
    theme("rust", "#8b4513", "#f5f5dc"),
    theme("plum", "#4a3050", "#e0e0e0"),
    theme("slate", "#4a5568", "#e0e0e0"),
    theme("ember", "#b33a00", "#f5f5dc"),
    theme("midnight", "#1a1a2e", "#c0c0c0"),
    theme("wine", "#722f37", "#f5f5dc"),
    theme("teal", "#0d5c63", "#e0e0e0"),
    theme("copper", "#6d4c41", "#f5f5dc"),
];

const MAYOR: Theme = theme("mayor", "#3d3200", "#ffd700");
const DEACON: Theme = theme("deacon", "#2d1f3d", "#c0b0d0");

/// The theme of an agent's session: the town's agents have their own, a rig's is chosen by
/// `configured` name, else by the FNV-1a hash of the rig's name as in the original.
pub fn theme_of(agent: &AgentId, configured: Option<&str>) -> Theme {
    match agent.rig() {
        None if *agent == AgentId::Deacon => DEACON,
        None => MAYOR,
        Some(rig) => configured
            .and_then(|name| PALETTE.into_iter().find(|theme| theme.name == name))
            .unwrap_or_else(|| PALETTE[fnv1a(rig.as_str()) as usize % PALETTE.len()].clone()),
    }
}

/// The left end of the status line, as in the original: `[Mayor] coordinator `.
pub fn status_left(agent: &AgentId) -> String {
    match agent {
        AgentId::Mayor => "[Mayor] coordinator ".to_owned(),
        AgentId::Deacon => "[Deacon] health-check ".to_owned(),
        AgentId::Witness(rig) => format!("[{rig}/witness] witness "),
        AgentId::Refinery(rig) => format!("[{rig}/refinery] refinery "),
        AgentId::Crew(rig, name) => format!("[{rig}/{name}] crew "),
        AgentId::Polecat(rig, name) => format!("[{rig}/{name}] polecat "),
    }
}

fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(2_166_136_261, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(16_777_619)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::RigName;

    #[test]
    fn a_rigs_theme_is_the_originals_hash_of_its_name() {
        // FNV-1a 32 of "a" is 0xe40c292c, its remainder by 10 is 0.
        let witness = AgentId::Witness(RigName::new("a").unwrap());
        assert_eq!(theme_of(&witness, None).name, "ocean");
        assert_eq!(theme_of(&witness, Some("wine")).name, "wine");
        assert_eq!(theme_of(&AgentId::Deacon, Some("wine")).name, "deacon");
    }
}
