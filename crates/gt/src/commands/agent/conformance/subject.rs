//! The programs that can be tried: how each is brought up without its maker, and how its model is
//! told what to do.

use gt_api::view::State;
use gt_testkit::scripted_agent;
use serde_json::json;

/// A program.
pub(super) struct Subject {
    /// The preset's name, or that of the look-alike.
    pub(super) name: &'static str,
    /// Whether it is the look-alike, which asks no model.
    pub(super) is_look_alike: bool,
    /// What it is when it asks for an approval. The look-alike's screen does not tell that from a question.
    pub(super) asking: State,
    /// What prints its version.
    pub(super) version: &'static [&'static str],
    /// Its tables for town.toml.
    pub(super) tables: fn(&Place) -> String,
    /// Whether `gt hooks install` has something for it.
    pub(super) has_extension: bool,
    /// Whether it offers tools to its model, as it does not with errands such as titles.
    pub(super) offers_tools: bool,
    /// The files that it finds in its HOME: what a person would have answered before.
    pub(super) files: fn(&Place) -> Vec<(&'static str, String)>,
    /// What a person types to get this done.
    pub(super) prompt: fn(&Deed<'_>) -> String,
    /// The keys that approve what it asks.
    pub(super) approve: &'static [&'static str],
}

/// Where it runs.
pub(super) struct Place {
    /// This program.
    pub(super) gt: String,
    /// Its HOME.
    pub(super) home: String,
    /// Its work directory.
    pub(super) work: String,
    /// The scripted model.
    pub(super) url: String,
    /// Where the look-alike keeps its journal.
    pub(super) journal: String,
}

/// What it is to do.
pub(super) enum Deed<'a> {
    /// Answer something.
    Say(&'a str),
    /// Work for so many seconds.
    Work(u32),
    /// Ask whether it may make this file.
    Ask(&'a str),
    /// Run into a limit of the account.
    Limit,
    /// Have its key refused.
    BadLogin,
    /// Meet a failing server.
    ServerError,
}

/// The key of an account that there is not.
const KEY: &str = "dummy-key";

pub(super) const SUBJECTS: [Subject; 7] = [
    Subject {
        name: "simulated",
        is_look_alike: true,
        asking: State::NeedsAnswer,
        version: &["gt", "--version"],
        tables: simulated_tables,
        files: |_| Vec::new(),
        has_extension: false,
        offers_tools: true,
        prompt: simulated_prompt,
        approve: &["Enter"],
    },
    Subject {
        name: "claude",
        is_look_alike: false,
        asking: State::NeedsApproval,
        version: &["claude", "--version"],
        tables: claude_tables,
        files: claude_files,
        has_extension: false,
        offers_tools: true,
        prompt: model_prompt,
        approve: &["Enter"],
    },
    Subject {
        name: "codex",
        is_look_alike: false,
        asking: State::NeedsApproval,
        version: &["codex", "--version"],
        tables: codex_tables,
        files: codex_files,
        has_extension: false,
        offers_tools: true,
        prompt: codex_prompt,
        approve: &["y"],
    },
    Subject {
        name: "gemini",
        is_look_alike: false,
        asking: State::NeedsApproval,
        version: &["gemini", "--version"],
        tables: gemini_tables,
        files: gemini_files,
        has_extension: true,
        offers_tools: true,
        prompt: model_prompt,
        approve: &["Enter"],
    },
    Subject {
        name: "opencode",
        is_look_alike: false,
        asking: State::NeedsApproval,
        version: &["opencode", "--version"],
        tables: opencode_tables,
        files: opencode_files,
        has_extension: false,
        offers_tools: true,
        prompt: model_prompt,
        approve: &["Enter"],
    },
    Subject {
        name: "copilot",
        is_look_alike: false,
        asking: State::NeedsApproval,
        version: &["copilot", "--version"],
        tables: copilot_tables,
        has_extension: false,
        offers_tools: true,
        files: copilot_files,
        prompt: model_prompt,
        approve: &["Enter"],
    },
    Subject {
        name: "aider",
        is_look_alike: false,
        asking: State::NeedsApproval,
        version: &["aider", "--version"],
        tables: aider_tables,
        has_extension: false,
        offers_tools: false,
        files: |_| Vec::new(),
        prompt: aider_prompt,
        approve: &["y", "Enter"],
    },
];

fn simulated_tables(place: &Place) -> String {
    format!(
        "[agents.simulated]\ncommand = ['{gt}', 'simulate-agent', '--gt', '{gt}']\n\
         ready = '{ready}'\nblocked = '{blocked}'\npasted = '{pasted}'\nturn = '^❯ '\nbusy = 'esc to interrupt'\nhooks = 'claude'\nresume = ['--resume', '{{session}}']\n\
         env = {{ {variable} = '{journal}' }}\n\
         [agents.simulated.states]\nlimited = '^● limit reached'\nauth-dead = '^● key refused'\n",
        gt = place.gt,
        ready = scripted_agent::READY,
        blocked = scripted_agent::BLOCKED,
        pasted = scripted_agent::PASTED,
        variable = scripted_agent::JOURNAL_VARIABLE,
        journal = place.journal,
    )
}

fn simulated_prompt(deed: &Deed<'_>) -> String {
    match deed {
        Deed::Say(text) => (*text).to_owned(),
        Deed::Work(seconds) => format!("/busy {seconds}"),
        Deed::Ask(file) => format!("/dialog {file}"),
        Deed::Limit => "/say limit reached".to_owned(),
        Deed::BadLogin => "/say key refused".to_owned(),
        Deed::ServerError => "/say the server failed".to_owned(),
    }
}

fn claude_tables(place: &Place) -> String {
    format!(
        "[agents.claude]\ncommand = ['claude', '--permission-mode', 'manual']\n\
         [agents.claude.env]\nHOME = '{home}'\nANTHROPIC_BASE_URL = '{url}'\nANTHROPIC_API_KEY = '{KEY}'\n\
         CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC = '1'\nDISABLE_AUTOUPDATER = '1'\n\
         DISABLE_TELEMETRY = '1'\nDISABLE_ERROR_REPORTING = '1'\nCLAUDE_CODE_MAX_RETRIES = '1'\n",
        home = place.home,
        url = place.url,
    )
}

fn claude_files(place: &Place) -> Vec<(&'static str, String)> {
    let state = json!({
        "hasCompletedOnboarding": true,
        "hasSeenAutoDefaultNotice": true,
        "hasSeenAutoDefaultNudge": true,
        "customApiKeyResponses": { "approved": [KEY], "rejected": [] },
        "projects": { place.work.clone(): { "hasTrustDialogAccepted": true } },
    });
    vec![(".claude.json", state.to_string())]
}

fn codex_tables(place: &Place) -> String {
    format!(
        "[agents.codex]\ncommand = ['codex']\nenv = {{ CODEX_HOME = '{home}/.codex', SCRIPTED_KEY = '{KEY}' }}\n",
        home = place.home,
    )
}

fn codex_files(place: &Place) -> Vec<(&'static str, String)> {
    let config = format!(
        "model = 'gpt-5.1-codex'\nmodel_provider = 'scripted'\ncheck_for_update_on_startup = false\n\
         approval_policy = 'on-request'\nsandbox_mode = 'workspace-write'\n\
         [analytics]\nenabled = false\n\
         [model_providers.scripted]\nname = 'scripted'\nbase_url = '{url}/v1'\nenv_key = 'SCRIPTED_KEY'\n\
         wire_api = 'responses'\n",
        url = place.url,
    );
    vec![(".codex/config.toml", config)]
}

fn codex_prompt(deed: &Deed<'_>) -> String {
    match deed {
        Deed::Ask(file) => {
            let input = json!({
                "cmd": format!("touch {file}"),
                "sandbox_permissions": "require_escalated",
                "justification": "to see what is asked",
            });
            format!("[tool exec_command {input}]")
        }
        deed => model_prompt(deed),
    }
}

fn gemini_tables(place: &Place) -> String {
    format!(
        "[agents.gemini]\ncommand = ['gemini', '-m', 'gemini-2.5-flash']\n\
         env = {{ HOME = '{home}', GEMINI_API_KEY = '{KEY}', GOOGLE_GEMINI_BASE_URL = '{url}' }}\n",
        home = place.home,
        url = place.url,
    )
}

fn gemini_files(_: &Place) -> Vec<(&'static str, String)> {
    let settings = json!({
        "security": {
            "auth": { "selectedType": "gemini-api-key" },
            "folderTrust": { "enabled": false },
        },
        "privacy": { "usageStatisticsEnabled": false },
        "general": { "disableAutoUpdate": true },
    });
    vec![(".gemini/settings.json", settings.to_string())]
}

fn opencode_tables(place: &Place) -> String {
    format!(
        "[agents.opencode]\ncommand = ['opencode']\n[agents.opencode.env]\nHOME = '{home}'\n\
         OPENCODE_PERMISSION = '{{\"bash\":\"ask\"}}'\nOPENCODE_DISABLE_AUTOUPDATE = '1'\n\
         OPENCODE_DISABLE_LSP_DOWNLOAD = '1'\nOPENCODE_DISABLE_MODELS_FETCH = '1'\n",
        home = place.home,
    )
}

fn opencode_files(place: &Place) -> Vec<(&'static str, String)> {
    let config = json!({
        "model": "scripted/model",
        "small_model": "scripted/model",
        "autoupdate": false,
        "share": "disabled",
        "permission": { "bash": "ask" },
        "provider": { "scripted": {
            "npm": "@ai-sdk/openai-compatible",
            "options": { "baseURL": format!("{}/v1", place.url), "apiKey": KEY },
            "models": { "model": { "name": "model" } },
        } },
    });
    vec![(".config/opencode/opencode.json", config.to_string())]
}

fn copilot_tables(place: &Place) -> String {
    format!(
        "[agents.copilot]\ncommand = ['copilot']\n[agents.copilot.env]\nHOME = '{home}'\n\
         COPILOT_OFFLINE = 'true'\nCOPILOT_PROVIDER_BASE_URL = '{url}/v1'\n\
         COPILOT_PROVIDER_API_KEY = '{KEY}'\nCOPILOT_MODEL = 'gpt-4.1'\nCOPILOT_AUTO_UPDATE = 'false'\n",
        home = place.home,
        url = place.url,
    )
}

fn copilot_files(place: &Place) -> Vec<(&'static str, String)> {
    let config = json!({ "trustedFolders": [place.work] });
    vec![(".copilot/config.json", config.to_string())]
}

fn aider_tables(place: &Place) -> String {
    format!(
        "[agents.aider]\ncommand = ['aider', '--model', 'openai/gpt-4.1', '--no-gitignore', \
         '--no-check-update', '--no-show-release-notes', '--no-git']\n\
         [agents.aider.env]\nHOME = '{home}'\nOPENAI_API_BASE = '{url}/v1'\nOPENAI_API_KEY = '{KEY}'\n\
         AIDER_ANALYTICS = 'false'\nAIDER_SHOW_MODEL_WARNINGS = 'false'\n\
         LITELLM_LOCAL_MODEL_COST_MAP = 'True'\n",
        home = place.home,
        url = place.url,
    )
}

/// It has no tools: what its model writes as a command it asks to run.
fn aider_prompt(deed: &Deed<'_>) -> String {
    match deed {
        Deed::Ask(file) => format!(r"[say So:\n\n```bash\ntouch {file}\n```\n]"),
        deed => model_prompt(deed),
    }
}

/// In the words of the scripted model.
fn model_prompt(deed: &Deed<'_>) -> String {
    match deed {
        Deed::Say(text) => format!("[say {text}]"),
        Deed::Work(seconds) => format!("[wait {seconds}s] [say worked]"),
        Deed::Ask(file) => format!("[run touch {file}]"),
        Deed::Limit => "[status 429]".to_owned(),
        Deed::BadLogin => "[status 401]".to_owned(),
        Deed::ServerError => "[status 500]".to_owned(),
    }
}
