//! Text to syntax trees. The grammar is `sqlparser`'s; here it is guarded against
//! statements too deep to walk, taught `FOR KEY SHARE`, and its complaints are put
//! in PostgreSQL's words.

use sqlparser::ast::Statement;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Word};

use super::error::{Result, SqlError, state};

/// The name that `FOR KEY SHARE` leaves in `OF`; no table can have it.
pub const KEY_SHARE_MARK: &str = "\u{1}key share";
/// The name that `FOR NO KEY UPDATE` leaves in `OF`.
pub const NO_KEY_UPDATE_MARK: &str = "\u{1}no key update";

/// Operators in a row without a comma between: a tree can be no deeper than this.
const OPERATOR_RUN_MAX: usize = 200;
/// The longest statement, in bytes.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// Parses a text into its statements; an empty text has none.
pub fn parse(text: &str) -> Result<Vec<Statement>> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SqlError::limit("statement is too long"));
    }
    let dialect = PostgreSqlDialect {};
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|error| {
            SqlError::new(state::SYNTAX_ERROR, error.message.clone()).at(position(
                text,
                error.location.line,
                error.location.column,
            ))
        })?;
    let mut tokens: Vec<_> = tokens
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .collect();
    check_depth(&tokens)?;
    mark_key_locks(&mut tokens);
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    parser.parse_statements().map_err(|error| match error {
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => {
            syntax_error(text, &message)
        }
        ParserError::RecursionLimitExceeded => too_deep(),
    })
}

fn too_deep() -> SqlError {
    SqlError::new(state::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
}

/// A chain of operators parses into a tree as deep as it is long, without the
/// parser's own recursion limit noticing; walking and freeing that tree would.
fn check_depth(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut run = 0;
    for token in tokens {
        match &token.token {
            Token::Comma | Token::SemiColon => run = 0,
            Token::Word(word) => {
                run += usize::from(matches!(
                    word.keyword,
                    Keyword::AND
                        | Keyword::OR
                        | Keyword::NOT
                        | Keyword::IS
                        | Keyword::UNION
                        | Keyword::EXCEPT
                        | Keyword::INTERSECT
                        | Keyword::JOIN
                        | Keyword::LIKE
                        | Keyword::IN
                        | Keyword::BETWEEN
                        | Keyword::CASE
                        | Keyword::WHEN
                        | Keyword::AT
                        | Keyword::COLLATE
                ));
            }
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::Placeholder(_)
            | Token::RParen
            | Token::EOF => {}
            _ => run += 1,
        }
        if run > OPERATOR_RUN_MAX {
            return Err(too_deep());
        }
    }
    Ok(())
}

/// Rewrites `FOR KEY SHARE [OF t]` and `FOR NO KEY UPDATE [OF t]`, which the parser
/// does not know, into locks it does, `OF` a mark.
fn mark_key_locks(tokens: &mut Vec<TokenWithSpan>) {
    fn is(tokens: &[TokenWithSpan], at: usize, text: &str) -> bool {
        matches!(tokens.get(at).map(|token| &token.token),
            Some(Token::Word(word)) if word.quote_style.is_none()
                && word.value.eq_ignore_ascii_case(text))
    }
    let mut at = 0;
    while at < tokens.len() {
        let (skip, mark) =
            if is(tokens, at, "for") && is(tokens, at + 1, "key") && is(tokens, at + 2, "share") {
                (1, KEY_SHARE_MARK)
            } else if is(tokens, at, "for")
                && is(tokens, at + 1, "no")
                && is(tokens, at + 2, "key")
                && is(tokens, at + 3, "update")
            {
                (2, NO_KEY_UPDATE_MARK)
            } else {
                at += 1;
                continue;
            };
        let span = tokens[at].span;
        tokens.drain(at + 1..at + 1 + skip);
        let mark = [
            Token::make_keyword("OF"),
            Token::Word(Word {
                value: mark.to_owned(),
                quote_style: Some('"'),
                keyword: Keyword::NoKeyword,
            }),
        ]
        .map(|token| TokenWithSpan { token, span });
        let of = if is(tokens, at + 2, "of") {
            (at + 4).min(tokens.len())
        } else {
            at + 2
        };
        tokens.splice(at + 2..of, mark);
        at += 4;
    }
}

/// "Expected: an expression, found: FROM at Line: 1, Column: 8", in PostgreSQL's words.
fn syntax_error(text: &str, message: &str) -> SqlError {
    let (message, place) = match message.rsplit_once(" at Line: ") {
        Some((message, place)) => (message, place.split_once(", Column: ")),
        None => (message, None),
    };
    let found = message.rsplit_once("found: ").map(|(_, found)| found);
    let error = SqlError::new(
        state::SYNTAX_ERROR,
        match found {
            Some("EOF") => "syntax error at end of input".to_owned(),
            Some(found) => format!("syntax error at or near \"{found}\""),
            None => format!("syntax error: {message}"),
        },
    );
    let place = place.and_then(|(line, column)| Some((line.parse().ok()?, column.parse().ok()?)));
    match place {
        Some((line, column)) if found != Some("EOF") => error.at(position(text, line, column)),
        _ => error.at(text.chars().count() + 1),
    }
}

/// A line and column, both from 1, as a count of characters from 1.
pub fn position(text: &str, line: u64, column: u64) -> usize {
    let lines = usize::try_from(line.saturating_sub(1)).unwrap_or(0);
    let before: usize = text
        .split_inclusive('\n')
        .take(lines)
        .map(|line| line.chars().count())
        .sum();
    before + usize::try_from(column).unwrap_or(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_postgresqls() {
        let cases = [
            (
                "SELECT FROM WHERE",
                "syntax error at or near \"WHERE\"",
                Some(13),
            ),
            ("SELEC 1", "syntax error at or near \"SELEC\"", Some(1)),
            (
                "SELECT 1\n  FROM t WHERE ,",
                "syntax error at or near \",\"",
                Some(25),
            ),
            ("INSERT INTO", "syntax error at end of input", Some(12)),
        ];
        for (text, message, at) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!(
                (error.code.as_ref(), error.message.as_str()),
                ("42601", message),
                "{text}"
            );
            assert_eq!(error.more().position, at, "{text}");
        }
        assert_eq!(parse("SELECT 'a").unwrap_err().code, "42601");
        assert!(parse(" ;; -- nothing").unwrap().is_empty());
    }

    /// None of these may end the process: a stack overflow cannot be caught.
    #[test]
    fn depth_is_limited() {
        for deep in [
            format!("SELECT {}1{}", "(".repeat(5000), ")".repeat(5000)),
            format!("SELECT 1{}", "+1".repeat(100_000)),
            format!("SELECT {}1", "- ".repeat(100_000)),
            format!("SELECT {}true", "NOT ".repeat(100_000)),
            format!("SELECT 1 WHERE true{}", " AND true".repeat(100_000)),
            format!("SELECT 1{}", "::text".repeat(100_000)),
            format!("SELECT 1{}", " UNION SELECT 1".repeat(100_000)),
        ] {
            assert_eq!(parse(&deep).unwrap_err().code, "54001");
        }
        let wide = format!("SELECT 1 WHERE 1 IN (1{})", ",1".repeat(10_000));
        assert!(parse(&wide).is_ok());
    }

    #[test]
    fn key_locks_are_understood() {
        for text in [
            "SELECT 1 FROM t FOR KEY SHARE",
            "SELECT 1 FROM t for key share of t NOWAIT",
            "SELECT 1 FROM t FOR NO KEY UPDATE OF t",
        ] {
            assert_eq!(parse(text).unwrap().len(), 1, "{text}");
        }
    }
}
