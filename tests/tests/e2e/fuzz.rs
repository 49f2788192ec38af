//! The REST layer against its own description: a schema-driven fuzzer calls
//! every operation with what the OpenAPI document allows, and with what it does not.

use local_services::scratch::Scratch;
use serde_json::json;
use switchboard_tests::{installation::Installation, is_long, provided};
use tokio::process::Command;

/// What must hold for every answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance,unsupported_method";

/// Files that the fuzzer cannot write by itself: whatever text it thinks of.
const HOOKS: &str = r#"
import schemathesis

@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    return str(value).encode("utf-8", "replace")

@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def descriptions(ctx, value):
    return str(value).encode("utf-8", "replace")
"#;

/// Of each operation and phase: what a change can wait for, or many.
fn examples() -> &'static str {
    if is_long() { "50" } else { "4" }
}

#[tokio::test]
async fn every_answer_is_one_that_the_openapi_document_promises() {
    let installation = Installation::new().await;
    let server = installation.server();
    let account = installation.account("acme", &server).await;
    // Something of every kind, so that lists are not empty.
    let meta = account.whatsapp().await;
    assert_eq!(meta.post(&server.base, &meta.messages(&[("wamid.1", "Hello?")])).await, 200);
    account.room("Lobby").await;
    account.user("Ben").await;
    account.admin.post("/v1/labels", json!({ "name": "VIP", "color": "#1f6feb" })).await;
    let directory = Scratch::new().expect("a directory");
    std::fs::write(directory.join("files.py"), HOOKS).expect("the hooks");
    let fuzzed = Command::new(provided("SWITCHBOARD_TEST_SCHEMATHESIS"))
        .arg("run")
        .arg(format!("{}/v1/openapi.json", server.base))
        .args(["--header", &format!("Authorization: Bearer {}", account.admin.token)])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing,stateful"])
        .args(["--max-examples", examples(), "--seed", "1", "--workers", "1"])
        .args(["--continue-on-failure", "--no-color"])
        .env("SCHEMATHESIS_HOOKS", "files")
        .env("PYTHONPATH", directory.path())
        .current_dir(directory.path())
        .kill_on_drop(true)
        .output()
        .await
        .expect("schemathesis runs");
    let report = String::from_utf8_lossy(&fuzzed.stdout);
    assert!(fuzzed.status.success(), "{report}\n{}", String::from_utf8_lossy(&fuzzed.stderr));
    assert!(report.contains(" generated, "), "it has tried something: {report}");
}
