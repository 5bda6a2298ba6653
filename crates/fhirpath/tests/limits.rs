//! What an expression can't do: crash, hang or grow without bound.

use causeway_fhirpath::{Environment, Error, Expression, limits};
use serde_json::{Value, json};

fn evaluate(text: &str, input: &Value) -> Result<usize, Error> {
    let expression = Expression::parse(text)?;
    let found = expression.evaluate(&Environment::of(input), input)?;
    Ok(found.len())
}

#[test]
fn nesting_has_a_limit_and_what_is_below_it_works() {
    let nested = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
    let chain = |n: usize| format!("1{}", "+1".repeat(n));
    let path = |n: usize| format!("a{}", ".a".repeat(n));
    let calls = |n: usize| format!("{}1{}", "iif(true, ".repeat(n), ")".repeat(n));
    let signs = |n: usize| format!("{}1", "-".repeat(n));
    for make in [&nested as &dyn Fn(usize) -> String, &chain, &path, &calls, &signs] {
        assert!(evaluate(&make(60), &Value::Null).is_ok(), "{}", make(60));
        assert_eq!(evaluate(&make(2_000), &Value::Null).err(), Some(Error::Limit("DEPTH_MAX")));
    }
    let long = " ".repeat(limits::EXPRESSION_MAX + 1);
    assert_eq!(evaluate(&long, &Value::Null).err(), Some(Error::Limit("EXPRESSION_MAX")));
}

#[test]
fn work_has_a_limit() {
    let forever = "repeat($this + 1)";
    let one = json!({"resourceType": "Parameters", "parameter": [{"name": "n", "valueInteger": 1}]});
    assert!(matches!(
        evaluate(&format!("Parameters.parameter.value.{forever}"), &one),
        Err(Error::Limit("STEPS_MAX" | "ITEMS_MAX"))
    ));
    let doubling = format!("('0123456789'){}", ".select($this & $this)".repeat(40));
    assert_eq!(evaluate(&doubling, &one).err(), Some(Error::Limit("TEXT_MAX")));
    let growing = format!("(1){}", ".combine($this)".repeat(3)) + &".select((1|2|3|4|5|6|7|8|9))".repeat(12);
    assert!(matches!(evaluate(&growing, &one), Err(Error::Limit(_))));
    let replaced = "'aaaaaaaaaa'.replace('', '0123456789').replace('', '0123456789').replace('', '0123456789')\
                    .replace('', '0123456789').replace('', '0123456789').replace('', '0123456789')";
    assert_eq!(evaluate(replaced, &one).err(), Some(Error::Limit("TEXT_MAX")));
    let pattern = "'a'.matches('((a{1,100}){1,100}){1,100}')";
    assert!(matches!(evaluate(pattern, &one), Err(Error::Evaluation(_))));
}

#[test]
fn numbers_have_limits_without_a_crash() {
    let none = Value::Null;
    for text in [
        "9223372036854775807 + 1",
        "(-9223372036854775807 - 1) div -1",
        "(-9223372036854775807 - 1) mod -1",
        "(-9223372036854775807 - 1).abs()",
        "79228162514264337593543950335.0 * 10",
        "10.power(1000)",
        "1000.exp()",
        "0.ln()",
        "5 / 0",
        "1.0.round(400)",
        "'1'.toDecimal().lowBoundary(28)",
        "@9999-12-31 + 10 years",
        "@0001-01-01 - 10 years",
        "@2014-01-01 + 9223372036854775807 days",
        "@T10:00 + 9223372036854775807 hours",
        "'abc'.substring(-1)",
        "'abc'.substring(9223372036854775807)",
        "(1 | 2)[9223372036854775807]",
        "(1 | 2).skip(-9223372036854775807)",
        "1 'g' = 1 '10*2000000000'",
        "1 'g' = 1 '((((('",
    ] {
        let _ = evaluate(text, &none);
    }
}

/// Cuts and doublings of good expressions over data that do not fit them: an answer or an error, never a panic.
#[test]
fn no_text_makes_it_panic() {
    let good = [
        "Patient.name.where(use = 'official').given.first().matches('^[A-Z]+$') and @2014-01-01T10:00:00.0Z < now()",
        "value.ofType(Quantity).value.lowBoundary(3) * 4.5 'mg' / 2 days + %resource.descendants().count()",
        "contained.where(('#'+id in (%resource.descendants().reference | %resource.descendants().as(uri))).not())",
        "(1 | 2 | 3).aggregate($this + $total, 0) & 'é\\u00e9'.toChars().join(', ').replaceMatches('(.)', '$1x')",
    ];
    let inputs = [
        json!({"resourceType": "Patient", "name": {"given": "not an array"}, "contained": [1, null, "x", [[]]]}),
        json!({"resourceType": "Observation", "valueQuantity": {"value": "text", "code": 3}, "_valueString": [1]}),
        json!([[[1]]]),
        json!({"resourceType": 7, "_name": {"extension": {}}, "name": [null, {"given": [null, "A"], "_given": [{}]}]}),
    ];
    let mut read = 0;
    for text in good {
        let letters: Vec<char> = text.chars().collect();
        for cut in 0..letters.len() {
            let front: String = letters.iter().take(cut).collect();
            let without: String =
                letters.iter().enumerate().filter(|(n, _)| *n != cut).map(|(_, c)| c).collect();
            let doubled: String = letters
                .iter()
                .enumerate()
                .flat_map(|(n, c)| std::iter::repeat_n(c, if n == cut { 2 } else { 1 }))
                .collect();
            for text in [front, without, doubled] {
                for input in &inputs {
                    let found = Expression::parse(&text);
                    read += usize::from(found.is_ok());
                    if let Ok(expression) = &found {
                        let _ = expression.evaluate(&Environment::of(input), input);
                        let _ = expression.check("Patient");
                    }
                }
            }
        }
    }
    assert!(read > 200, "most cuts should still be read, {read} were");
}

#[test]
fn errors_name_no_value() {
    let input = json!({"resourceType": "Patient", "gender": "secret-value", "birthDate": "2001-02-03"});
    for text in
        ["gender > 5", "gender + 1", "gender.abs()", "birthDate > 'x'", "(gender | birthDate).single()"]
    {
        let error = evaluate(text, &input).expect_err(text).to_string();
        assert!(!error.contains("secret") && !error.contains("2001"), "{error}");
    }
}
