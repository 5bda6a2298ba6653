//! From tokens to the compiled form.

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::error::Error;
use crate::function::Function;
use crate::lexer::{Lexer, Token};
use crate::limits::{DEPTH_MAX, EXPRESSION_MAX};
use crate::moment::CalendarUnit;
use crate::syntax::{Call, Expr, Literal, LiteralUnit, Op, TypeName};

pub(crate) fn parse(source: &str) -> Result<Expr, Error> {
    if source.len() > EXPRESSION_MAX {
        return Err(Error::Limit("EXPRESSION_MAX"));
    }
    let mut parser = Parser { tokens: Lexer::tokens(source)?, at: 0, depth: 0 };
    let (expression, _) = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(expression),
        _ => parser.fail("an operator or the end is due here"),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    depth: usize,
}

/// An expression and how deep it is nested.
type Deep = (Expr, usize);

const END: Token = Token::End;
/// Binding strengths, weakest first.
const TYPE: u8 = 8;
const SIGN: u8 = 11;

fn operator(token: &Token) -> Option<(Op, u8)> {
    Some(match token {
        Token::Name(name, false) => match name.as_str() {
            "implies" => (Op::Implies, 1),
            "or" => (Op::Or, 2),
            "xor" => (Op::Xor, 2),
            "and" => (Op::And, 3),
            "in" => (Op::In, 4),
            "contains" => (Op::Contains, 4),
            "div" => (Op::WholeDivide, 10),
            "mod" => (Op::Modulo, 10),
            _ => return None,
        },
        Token::Sign(sign) => match *sign {
            "=" => (Op::Equal, 5),
            "~" => (Op::Equivalent, 5),
            "!=" => (Op::NotEqual, 5),
            "!~" => (Op::NotEquivalent, 5),
            "<" => (Op::Less, 6),
            "<=" => (Op::LessOrEqual, 6),
            ">" => (Op::Greater, 6),
            ">=" => (Op::GreaterOrEqual, 6),
            "|" => (Op::Union, 7),
            "+" => (Op::Add, 9),
            "-" => (Op::Subtract, 9),
            "&" => (Op::Concatenate, 9),
            "*" => (Op::Multiply, 10),
            "/" => (Op::Divide, 10),
            _ => return None,
        },
        _ => return None,
    })
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&END, |(_, token)| token)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn fail<T>(&self, text: &str) -> Result<T, Error> {
        let at = self.tokens.get(self.at).or_else(|| self.tokens.last()).map_or(0, |(at, _)| *at);
        Err(Error::Syntax { at, text: text.to_owned() })
    }

    fn sign(&mut self, sign: &'static str) -> bool {
        let found = *self.peek() == Token::Sign(sign);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Error> {
        if self.sign(sign) { Ok(()) } else { self.fail(&format!("'{sign}' is due here")) }
    }

    fn deeper(depth: usize) -> Result<usize, Error> {
        if depth >= DEPTH_MAX { Err(Error::Limit("DEPTH_MAX")) } else { Ok(depth + 1) }
    }

    fn expression(&mut self, strength: u8) -> Result<Deep, Error> {
        self.depth = Self::deeper(self.depth)?;
        let (mut left, mut depth) = self.operand()?;
        loop {
            let token = self.peek().clone();
            if matches!(&token, Token::Name(name, false) if name == "is" || name == "as") && strength < TYPE {
                self.at += 1;
                let ty = self.type_name()?;
                let is = matches!(&token, Token::Name(name, _) if name == "is");
                depth = Self::deeper(depth)?;
                left = if is { Expr::Is(Box::new(left), ty) } else { Expr::As(Box::new(left), ty) };
                continue;
            }
            let Some((op, binds)) = operator(&token).filter(|(_, binds)| *binds > strength) else { break };
            self.at += 1;
            let (right, right_depth) = self.expression(binds)?;
            depth = Self::deeper(depth.max(right_depth))?;
            left = Expr::Binary(op, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok((left, depth))
    }

    fn operand(&mut self) -> Result<Deep, Error> {
        if self.sign("-") {
            let (inner, depth) = self.expression(SIGN)?;
            return Ok((Expr::Negative(Box::new(inner)), Self::deeper(depth)?));
        }
        if self.sign("+") {
            let (inner, depth) = self.expression(SIGN)?;
            return Ok((Expr::Positive(Box::new(inner)), Self::deeper(depth)?));
        }
        let (mut path, mut depth) = self.start()?;
        loop {
            if self.sign(".") {
                depth = Self::deeper(depth)?;
                let (next, inner) = self.step(Some(Box::new(path)))?;
                path = next;
                depth = depth.max(Self::deeper(inner)?);
            } else if self.sign("[") {
                let (index, inner) = self.expression(0)?;
                self.expect("]")?;
                depth = Self::deeper(depth.max(inner))?;
                path = Expr::At(Box::new(path), Box::new(index));
            } else {
                return Ok((path, depth));
            }
        }
    }

    /// The first term of a path.
    fn start(&mut self) -> Result<Deep, Error> {
        let leaf = |literal| Ok((Expr::Literal(literal), 1));
        match self.peek().clone() {
            Token::Sign("(") => {
                self.at += 1;
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Sign("{") => {
                self.at += 1;
                self.expect("}")?;
                leaf(Literal::Empty)
            }
            Token::Text(text) => {
                self.at += 1;
                leaf(Literal::String(text))
            }
            Token::Integer(value) => {
                self.at += 1;
                match self.unit() {
                    Some(unit) => leaf(Literal::Quantity(value.into(), unit)),
                    None => leaf(Literal::Integer(value)),
                }
            }
            Token::Decimal(value) => {
                self.at += 1;
                match self.unit() {
                    Some(unit) => leaf(Literal::Quantity(value, unit)),
                    None => leaf(Literal::Decimal(value)),
                }
            }
            Token::Moment(moment) => {
                self.at += 1;
                leaf(Literal::Moment(moment.0))
            }
            Token::Constant(name) => {
                self.at += 1;
                Ok((Expr::Constant(name), 1))
            }
            Token::Name(name, false) if name == "true" || name == "false" => {
                self.at += 1;
                leaf(Literal::Boolean(name == "true"))
            }
            Token::Name(..) | Token::Variable(_) => self.step(None),
            _ => self.fail("a value or a name is due here"),
        }
    }

    /// The unit after a number.
    fn unit(&mut self) -> Option<LiteralUnit> {
        let unit = match self.peek() {
            Token::Text(code) => LiteralUnit::Quoted(code.clone()),
            Token::Name(word, false) => LiteralUnit::Calendar(CalendarUnit::named(word)?),
            _ => return None,
        };
        self.at += 1;
        Some(unit)
    }

    /// A name, variable or function after a dot or at the start; the number is the depth of its arguments.
    fn step(&mut self, target: Option<Box<Expr>>) -> Result<Deep, Error> {
        match self.next() {
            Token::Variable(name) => match name.as_str() {
                "this" if target.is_none() => Ok((Expr::This, 1)),
                "index" if target.is_none() => Ok((Expr::Index, 1)),
                "total" if target.is_none() => Ok((Expr::Total, 1)),
                _ => {
                    self.at -= 1;
                    self.fail("a variable that FHIRPath does not have here")
                }
            },
            Token::Name(name, _) => {
                if *self.peek() != Token::Sign("(") {
                    return Ok((Expr::Member(target, name), 1));
                }
                let Some(function) = Function::named(&name) else {
                    return Err(Error::Semantic(format!("there is no function '{name}'")));
                };
                self.at += 1;
                let (arguments, depth) = self.arguments()?;
                let (least, most) = function.arity();
                if arguments.len() < least || arguments.len() > most {
                    return Err(Error::Semantic(format!("'{name}' has another number of arguments")));
                }
                let mut call = Call { function, arguments, ty: None, regex: OnceLock::new() };
                if function.takes_type() && !call.arguments.is_empty() {
                    let Some(path) = call.arguments.first().and_then(type_path) else {
                        return Err(Error::Semantic(format!("'{name}' needs the name of a type")));
                    };
                    call.ty = Some(TypeName::resolve(&path));
                    call.arguments.clear();
                }
                Ok((Expr::Call(target, Box::new(call)), depth))
            }
            _ => {
                self.at -= 1;
                self.fail("a name or a function is due here")
            }
        }
    }

    fn arguments(&mut self) -> Result<(Vec<Expr>, usize), Error> {
        let mut arguments = Vec::new();
        let mut depth = 1;
        if self.sign(")") {
            return Ok((arguments, depth));
        }
        loop {
            let (argument, inner) = self.expression(0)?;
            arguments.push(argument);
            depth = depth.max(inner);
            if self.sign(")") {
                return Ok((arguments, depth));
            }
            self.expect(",")?;
        }
    }

    fn type_name(&mut self) -> Result<TypeName, Error> {
        let mut path = Vec::new();
        loop {
            match self.next() {
                Token::Name(name, _) => path.push(Cow::Owned(name)),
                _ => {
                    self.at -= 1;
                    return self.fail("the name of a type is due here");
                }
            }
            // Only a namespace is followed by another part of the name.
            let space =
                path.len() == 1 && path.first().is_some_and(|p: &Cow<'_, str>| p == "FHIR" || p == "System");
            if !(space && self.sign(".")) {
                return Ok(TypeName::resolve(&path));
            }
        }
    }
}

/// `FHIR.Patient` read as a path.
fn type_path(expression: &Expr) -> Option<Vec<Cow<'_, str>>> {
    match expression {
        Expr::Member(None, name) => Some(vec![Cow::Borrowed(name)]),
        Expr::Member(Some(target), name) => {
            let mut path = type_path(target)?;
            path.push(Cow::Borrowed(name));
            Some(path)
        }
        _ => None,
    }
}
