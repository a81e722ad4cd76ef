//! Processing pipelines: what each step does to a rule, for which rules, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by them")]

use events::{Event, json};
use rules::{LoadOptions, Loaded, Pipelines, RuleSet, Scratch, Source};

fn source(text: &str) -> Source {
    Source::new("t.yml", text)
}

fn pipelines(texts: &[&str]) -> Pipelines {
    let sources: Vec<Source> = texts.iter().map(|t| source(t)).collect();
    let (pipelines, problems) = Pipelines::load(&sources);
    assert!(problems.is_empty(), "{problems:#?}");
    pipelines
}

fn with(pipeline: &[&str], rule: &str) -> Loaded {
    let options =
        LoadOptions { routing: false, pipelines: pipelines(pipeline), ..LoadOptions::default() };
    RuleSet::load(&[source(rule)], &options)
}

fn fires(loaded: &Loaded, fields: &str) -> bool {
    assert_eq!(loaded.rejected, 0, "{:#?}", loaded.problems);
    let mut event = Event::new();
    json::read_object(fields, &mut event).unwrap();
    let (mut scratch, mut hits) = (Scratch::new(), Vec::new());
    loaded.set.matches(&event, &mut scratch, &mut hits);
    !hits.is_empty()
}

fn rule(detection: &str) -> String {
    format!(
        "title: t\nid: t\nlevel: high\nstatus: test\ntags: [attack.t1059]\nlogsource: {{category: process_creation, product: linux}}\ndetection:\n{detection}"
    )
}

/// One step, one rule, what fires after it and what does not.
fn step(step: &str, detection: &str, yes: &[&str], no: &[&str]) {
    let pipeline =
        format!("name: p\nvars: {{adm: [root, 'a*'], one: x}}\ntransformations:\n{step}");
    let loaded = with(&[&pipeline], &rule(detection));
    yes.iter().for_each(|e| assert!(fires(&loaded, e), "{step}\n{detection}\nmust match {e}"));
    no.iter().for_each(|e| assert!(!fires(&loaded, e), "{step}\n{detection}\nmust not match {e}"));
}

const F1: &str = "  s: {f: 1}\n  condition: s\n";

#[test]
fn fields_are_renamed() {
    step("- {type: field_name_mapping, mapping: {f: g}}\n", F1, &[r#"{"g":1}"#], &[r#"{"f":1}"#]);
    step(
        "- {type: field_name_mapping, mapping: {f: [g, h]}}\n",
        "  s: {f|contains: a, k: 1}\n  condition: s\n",
        &[r#"{"g":"xa","k":1}"#, r#"{"h":"xa","k":1}"#],
        &[r#"{"g":"xa"}"#, r#"{"f":"xa","k":1}"#],
    );
    step(
        "- {type: field_name_prefix_mapping, mapping: {'a.': 'b.'}}\n",
        "  s: {a.x: 1}\n  condition: s\n",
        &[r#"{"b":{"x":1}}"#],
        &[r#"{"a":{"x":1}}"#],
    );
    step("- {type: field_name_prefix, prefix: 'p.'}\n", F1, &[r#"{"p.f":1}"#], &[r#"{"f":1}"#]);
    step("- {type: field_name_suffix, suffix: '.s'}\n", F1, &[r#"{"f.s":1}"#], &[r#"{"f":1}"#]);
    // A field that is compared with is renamed as well.
    step(
        "- {type: field_name_mapping, mapping: {g: h}}\n",
        "  s: {f|fieldref: g}\n  condition: s\n",
        &[r#"{"f":"a","h":"a"}"#],
        &[r#"{"f":"a","g":"a"}"#],
    );
    // Keywords have no name.
    step(
        "- {type: field_name_prefix, prefix: 'p.'}\n",
        "  s: [needle]\n  condition: s\n",
        &[r#"{"x":"needle"}"#],
        &[r#"{"x":"hay"}"#],
    );
}

#[test]
fn items_and_values_are_changed() {
    step(
        "- type: drop_detection_item\n  field_name_conditions: [{type: include_fields, fields: [g]}]\n",
        "  s: {f: 1, g: 1}\n  n: {g: 2}\n  condition: s and not n\n",
        &[r#"{"f":1}"#, r#"{"f":1,"g":2}"#],
        &[r#"{"g":1}"#],
    );
    step(
        "- {type: replace_string, regex: '^\\*\\\\(\\w+)', replacement: 'c:\\\\\\\\\\1'}\n",
        "  s: {f|endswith: '\\cmd.exe'}\n  condition: s\n",
        &[r#"{"f":"c:\\cmd.exe"}"#],
        &[r#"{"f":"d:\\cmd.exe"}"#],
    );
    step(
        "- {type: replace_string, regex: 'a+', replacement: 'b', skip_special: true}\n",
        "  s: {f: 'x*aaa'}\n  condition: s\n",
        &[r#"{"f":"x--b"}"#],
        &[r#"{"f":"x--aaa"}"#],
    );
    step(
        "- {type: map_string, mapping: {low: [l1, l2]}}\n",
        "  s: {f: low}\n  condition: s\n",
        &[r#"{"f":"l1"}"#, r#"{"f":"l2"}"#],
        &[r#"{"f":"low"}"#],
    );
    step("- {type: set_value, value: 7}\n", F1, &[r#"{"f":7}"#], &[r#"{"f":1}"#]);
    for to in ["str", "num"] {
        step(
            &format!("- {{type: convert_type, target_type: {to}}}\n"),
            "  s: {f|exists: true, g: true, h|re: x}\n  condition: s\n",
            &[r#"{"f":1,"g":true,"h":"x"}"#],
            &[r#"{"g":true,"h":"x"}"#],
        );
    }
    // The new value is compared as it stands, however the old one was.
    for old in ["f|contains: a", "f|re: 'a'", "f|cidr: 10.0.0.0/8", "f|windash|cased: ' -a'"] {
        step(
            "- {type: set_value, value: 'b*'}\n",
            &format!("  s: {{{old}}}\n  condition: s\n"),
            &[r#"{"f":"Bc"}"#],
            &[r#"{"f":"abc"}"#, r#"{"f":"a"}"#, r#"{"f":"10.1.1.1"}"#],
        );
    }
    step(
        "- {type: regex, method: plain}\n",
        "  s: {f|startswith: 'A.b'}\n  condition: s\n",
        &[r#"{"f":"A.bx"}"#],
        &[r#"{"f":"a.bx"}"#, r#"{"f":"Acb"}"#],
    );
    step(
        "- {type: regex}\n",
        "  s: {f|startswith: 'A.b'}\n  condition: s\n",
        &[r#"{"f":"a.Bx"}"#],
        &[r#"{"f":"Acb"}"#],
    );
    step(
        "- {type: case, method: upper}\n",
        "  s: {f|cased: ab}\n  condition: s\n",
        &[r#"{"f":"AB"}"#],
        &[r#"{"f":"ab"}"#],
    );
    step(
        "- {type: hashes_fields, valid_hash_algos: [MD5, SHA1], field_prefix: File}\n",
        "  s: {Hashes|contains: ['MD5=aa', 'SHA1=bb', 'IMPHASH=cc']}\n  condition: s\n",
        &[r#"{"FileMD5":"aa"}"#, r#"{"FileSHA1":"bb"}"#],
        &[r#"{"Hashes":"MD5=aa"}"#, r#"{"FileIMPHASH":"cc"}"#],
    );
}

#[test]
fn placeholders_are_resolved() {
    let expand = "  s: {f|expand|contains: 'x%adm%'}\n  condition: s\n";
    step("- {type: value_placeholders}\n", expand, &[r#"{"f":"-xroot-"}"#], &[r#"{"f":"root"}"#]);
    step("- {type: wildcard_placeholders}\n", expand, &[r#"{"f":"-x-"}"#], &[r#"{"f":"y"}"#]);
    step(
        "- {type: value_placeholders}\n",
        "  s: {f|expand: '\\%p%adm%'}\n  condition: s\n",
        &[r#"{"f":"%proot"}"#],
        &[r#"{"f":"\\%proot"}"#],
    );
    // Each by its own way.
    step(
        "- {type: value_placeholders, include: [adm]}\n- {type: wildcard_placeholders}\n",
        "  s: {f|expand: '%adm%/%other%'}\n  condition: s\n",
        &[r#"{"f":"root/any"}"#, r#"{"f":"abc/any"}"#],
        &[r#"{"f":"x/any"}"#],
    );
    // All members of a list of alternatives, not all alternatives.
    step(
        "- {type: value_placeholders}\n",
        "  s: {f|expand|contains|all: ['%adm%', z]}\n  condition: s\n",
        &[r#"{"f":"root z"}"#],
        &[r#"{"f":"root"}"#],
    );
    let loaded = with(&["transformations:\n- type: value_placeholders\n"], &rule(expand));
    assert_eq!((loaded.rejected, loaded.problems[0].code), (1, "R014"));
}

#[test]
fn rules_are_changed_as_a_whole() {
    step(
        "- {type: add_condition, conditions: {env: [prod, test]}}\n",
        "  s: {f: 1}\n  t: {f: 2}\n  condition: s or t\n",
        &[r#"{"f":1,"env":"prod"}"#, r#"{"f":2,"env":"test"}"#],
        &[r#"{"f":1}"#, r#"{"f":2,"env":"dev"}"#],
    );
    step(
        "- {type: add_condition, conditions: {env: lab}, negated: true}\n",
        F1,
        &[r#"{"f":1}"#],
        &[r#"{"f":1,"env":"lab"}"#],
    );
    step(
        "- {type: add_condition, conditions: {src: 'x-$product-$category'}, template: true}\n",
        F1,
        &[r#"{"f":1,"src":"x-linux-process_creation"}"#],
        &[r#"{"f":1,"src":"x-$product-$category"}"#],
    );
    let loaded = with(
        &["transformations:\n- {type: change_logsource, product: windows, service: sysmon}\n"],
        &rule(F1),
    );
    let source = &loaded.set.rules()[0].logsource;
    assert_eq!((source.product.as_str(), source.category.as_str()), ("windows", ""));
}

#[test]
fn steps_are_for_the_rules_they_name() {
    let yes = &[r#"{"g":1}"#][..];
    let no = &[r#"{"f":1}"#][..];
    let of = |conditions: &str| {
        format!("- type: field_name_mapping\n  mapping: {{f: g}}\n  {conditions}\n")
    };
    for conditions in [
        "rule_conditions: [{type: logsource, product: linux}]",
        "rule_conditions: [{type: logsource, product: windows}]\n  rule_cond_not: true",
        "rule_conditions: [{type: logsource, product: windows}, {type: is_sigma_rule}]\n  rule_cond_op: or",
        "rule_conditions: [{type: contains_field, field: f}]",
        "rule_conditions: [{type: contains_detection_item, field: f, value: 1}]",
        "rule_conditions: [{type: tag, tag: attack.t1059}]",
        "rule_conditions: [{type: rule_attribute, attribute: level, value: medium, op: gte}]",
        "rule_conditions: [{type: rule_attribute, attribute: tags, value: attack.t1059, op: in}]",
        "rule_conditions: {a: {type: is_sigma_correlation_rule}, b: {type: is_sigma_rule}}\n  rule_cond_expr: b and not a",
        "field_name_conditions: [{type: include_fields, fields: ['[e-f]'], mode: re}]",
        "field_name_conditions: [{type: exclude_fields, fields: [g]}]",
        "detection_item_conditions: [{type: match_value, cond: all, value: 1}]",
        "detection_item_conditions: [{type: match_string, cond: any, pattern: '1', negate: true}]",
        "detection_item_conditions: [{type: contains_wildcard, cond: any}]\n  detection_item_cond_not: true",
    ] {
        step(&of(conditions), F1, yes, no);
    }
    for conditions in [
        "rule_conditions: [{type: logsource, product: windows}]",
        "rule_conditions: [{type: contains_field, field: z}]",
        "rule_conditions: [{type: tag, tag: attack.t1000}]",
        "rule_conditions: [{type: rule_attribute, attribute: level, value: high, op: gt}]",
        "field_name_conditions: [{type: exclude_fields, fields: [f]}]",
        "detection_item_conditions: [{type: is_null, cond: any}]",
        // A number is no text, and no text a number.
        "detection_item_conditions: [{type: match_string, cond: any, pattern: '1'}]",
        "detection_item_conditions: [{type: match_value, cond: any, value: '1'}]",
        "rule_conditions: [{type: contains_detection_item, field: f, value: '1'}]",
        "rule_conditions: [{type: processing_state, key: k, val: v}]",
        "rule_conditions: [{type: processing_item_applied, processing_item_id: none}]",
    ] {
        step(&of(conditions), F1, no, yes);
    }
    let text = "  s: {f: '1'}\n  condition: s\n";
    for condition in ["match_string, cond: all, pattern: '1'", "match_value, cond: any, value: '1'"]
    {
        let condition = format!("detection_item_conditions: [{{type: {condition}}}]");
        step(&of(&condition), text, yes, no);
    }
    // What is compared in another way than a text is no text to match.
    let regex = "  s: {f|re: '1.*'}\n  condition: s\n";
    for condition in ["match_string, cond: any, pattern: '1'", "contains_wildcard, cond: any"] {
        let condition = format!("detection_item_conditions: [{{type: {condition}}}]");
        step(&of(&condition), regex, no, yes);
    }
    // State and what was applied before.
    let first = "- {id: one, type: set_state, key: k, val: v}\n";
    let later = of(
        "rule_conditions: [{type: processing_state, key: k, val: v}, {type: processing_item_applied, processing_item_id: one}]",
    );
    step(&format!("{first}{later}"), F1, yes, no);
    // Nested steps share the condition around them.
    let nest = |product: &str| {
        format!(
            "- type: nest\n  items:\n  - {{type: field_name_mapping, mapping: {{f: x}}}}\n  - {{type: field_name_mapping, mapping: {{x: g}}}}\n  rule_conditions: [{{type: logsource, product: {product}}}]\n"
        )
    };
    step(&nest("linux"), F1, yes, no);
    step(&nest("windows"), F1, no, yes);
}

#[test]
fn pipelines_run_by_priority_and_filters_go_through_them() {
    let late = "priority: 20\ntransformations: [{type: field_name_mapping, mapping: {g: h}}]\n";
    let early = "priority: 10\ntransformations: [{type: field_name_mapping, mapping: {f: g}}]\n";
    let loaded = with(&[late, early], &rule(F1));
    assert!(fires(&loaded, r#"{"h":1}"#) && !fires(&loaded, r#"{"g":1}"#));
    let filter = "---\ntitle: no\nlogsource: {product: linux}\nfilter: {rules: [t], s: {f: 1, k: 2}, condition: not s}\n";
    let loaded = with(&[early], &format!("{}{filter}", rule(F1)));
    assert!(fires(&loaded, r#"{"g":1}"#) && !fires(&loaded, r#"{"g":1,"k":2}"#));
}

#[test]
fn correlations_group_by_what_fields_are_called_now() {
    let correlation = "---\ntitle: c\nid: c\ncorrelation: {type: value_count, rules: [t], group-by: [u], timespan: 1m, condition: {field: v, gte: 2}, aliases: {u: {t: user}}}\n";
    let text = format!("{}{correlation}", rule(F1));
    let loaded = with(&["transformations: [{type: field_name_prefix, prefix: 'p.'}]\n"], &text);
    assert_eq!(loaded.rejected, 0, "{:#?}", loaded.problems);
    let rules::RuleKind::Correlation(c) = &loaded.set.get("c").unwrap().kind else { panic!() };
    assert_eq!(c.group_fields[0][0].name, "p.user");
    assert_eq!(c.value_fields[0][0].name, "p.v");
    let many = "transformations: [{type: field_name_mapping, mapping: {user: [a, b]}}]\n";
    let loaded = with(&[many], &text);
    assert_eq!((loaded.rejected, loaded.problems[0].code), (1, "R064"));
}

#[test]
fn a_severity_looks_at_what_its_field_is_called_now() {
    let own = "xuedun: {group_by: [h, user], severity: [{field: user, values: [root], level: critical}]}\n";
    let text = format!("{}{own}", rule(F1));
    let loaded = with(&["transformations: [{type: field_name_prefix, prefix: 'p.'}]\n"], &text);
    assert_eq!(loaded.rejected, 0, "{:#?}", loaded.problems);
    let kept = &loaded.set.rules()[0];
    assert_eq!(kept.severity[0].field.name, "p.user");
    let rules::RuleKind::Detection(d) = &kept.kind else { panic!() };
    assert_eq!(d.group.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["p.h", "p.user"]);
}

#[test]
fn a_rule_that_a_pipeline_cannot_serve_is_refused_with_its_place() {
    let table = [
        ("- {type: rule_failure, message: not here}\n", F1, "R062", "title"),
        ("- {type: detection_item_failure, message: no f}\n", F1, "R062", "f"),
        ("- {type: strict_field_mapping_failure}\n", F1, "R062", "f"),
        ("- {type: drop_detection_item}\n", F1, "R063", "s"),
        (
            "- {type: convert_type, target_type: num}\n",
            "  s: {f: a}\n  condition: s\n",
            "R064",
            "a",
        ),
        (
            "- {type: map_string, mapping: {a: b}}\n",
            "  s: {f|base64: a}\n  condition: s\n",
            "R064",
            "f|base64",
        ),
        (
            "- {type: hashes_fields, valid_hash_algos: [MD5]}\n",
            "  s: {h: x}\n  condition: s\n",
            "R064",
            "h",
        ),
    ];
    for (step, detection, code, place) in table {
        let text = rule(detection);
        let loaded = with(&[&format!("transformations:\n{step}")], &text);
        let problem = &loaded.problems[0];
        assert_eq!((problem.code, &text[problem.span.clone()]), (code, place), "{step}");
        assert_eq!(loaded.rejected, 1);
    }
    // A mapping before it satisfies the strict step.
    step(
        "- {type: field_name_mapping, mapping: {f: f2}}\n- {type: strict_field_mapping_failure}\n",
        F1,
        &[r#"{"f2":1}"#],
        &[],
    );
}

#[test]
fn bad_pipelines_are_refused_with_code_and_place() {
    let table = [
        (
            "transformations: [{type: field_name_maping, mapping: {a: b}}]",
            "R060",
            "field_name_maping",
        ),
        ("transformations: [{type: drop_detection_item, mapping: {a: b}}]", "R060", "mapping"),
        ("transformations: [{type: field_name_mapping}]", "R060", "type"),
        ("transformations: [{type: nest, items: [{type: x}]}]", "R060", "x"),
        (
            "transformations: [{type: query_expression_placeholders, expression: x}]",
            "R061",
            "query_expression_placeholders",
        ),
        (
            "transformations: [{type: command_placeholders, command: x}]",
            "R061",
            "command_placeholders",
        ),
        ("postprocessing: [{type: embed}]", "R061", "postprocessing"),
        ("finalizers: [{type: concat}]", "R061", "finalizers"),
        ("transformations: [{type: replace_string, regex: '(', replacement: ''}]", "R013", "'('"),
        ("priority: high", "R060", "high"),
        ("colour: red", "R060", "colour"),
        (
            "transformations: [{type: drop_detection_item, rule_conditions: [{type: moon}]}]",
            "R060",
            "moon",
        ),
        (
            "transformations: [{type: drop_detection_item, rule_conditions: {a: {type: is_sigma_rule}}, rule_cond_expr: b}]",
            "R060",
            "b",
        ),
        ("transformations: [{type: drop_detection_item, rule_cond_op: xor}]", "R060", "xor"),
        ("a: &x 1\nb: *x", "R004", "*x"),
    ];
    for (text, code, place) in table {
        let (_, problems) = Pipelines::load(&[source(text)]);
        let problem = problems.first().unwrap_or_else(|| panic!("{text}"));
        assert_eq!((problem.code, &text[problem.span.clone()]), (code, place), "{problems:#?}");
    }
}
