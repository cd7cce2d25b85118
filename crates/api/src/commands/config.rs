use std::path::Path;
use std::process::ExitCode;

use super::{Outcome, say};
use crate::openapi;
use crate::settings::{DEFAULTS, explain};

pub(crate) fn run(default: bool, file: Option<&Path>) -> Outcome {
    if default {
        say(DEFAULTS.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let explained = explain(file, std::env::vars().collect())?;
    let widest = |of: fn(&crate::settings::Explained) -> usize| explained.iter().map(of).max().unwrap_or_default();
    let (keys, values) = (widest(|one| one.key.len()), widest(|one| one.value.len()));
    for one in &explained {
        say(format!("{:keys$}  {:values$}  {}", one.key, one.value, one.origin));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn openapi() -> Outcome {
    say(serde_json::to_string_pretty(&openapi::document())?);
    Ok(ExitCode::SUCCESS)
}
