//! WGSL as text: tokens, the names that a module declares, and a copy of a module under other names.
//!
//! Enough of the language to join modules: it knows comments, declarations, attributes and scopes, not types. Every
//! module that comes out is parsed and validated by the tests, in every combination of parts.

use std::collections::BTreeSet;

/// The changes that [`rename`] makes to a module.
pub(super) struct Renaming<'a> {
    /// The new name of a module-scope declaration.
    pub name: &'a dyn Fn(&str) -> String,
    /// What comes in the place of a uniform variable and the dot behind it, as in `rule.scale`; `None` for a variable
    /// that stays. The variable's declaration goes.
    pub uniform: &'a dyn Fn(&str) -> Option<String>,
    /// Whether the structs of such variables go, too.
    pub without_structs: bool,
    /// Variables that several modules have in common: their declarations go, and their names stay.
    pub common: &'a [&'a str],
    /// The new number of a storage binding, from its number in the module.
    pub binding: &'a dyn Fn(u32) -> u32,
    /// Whether the entry point becomes a function.
    pub call: bool,
}

/// A copy of a module with other names, bindings and uniforms.
pub(super) fn rename(module: &str, renaming: &Renaming<'_>) -> String {
    let tokens = tokens(module);
    let declarations = declarations(&tokens);
    let names = declarations.iter().filter_map(|declaration| declaration.name);
    let declared: BTreeSet<&str> = names.filter(|name| !renaming.common.contains(name)).collect();
    let gone = gone(&declarations, renaming);
    let mut wgsl = String::new();
    for declaration in &declarations {
        if !declaration.name.is_some_and(|name| gone.contains(name)) {
            Copy { tokens: declaration.tokens, declared: &declared, renaming }.write(&mut wgsl);
        }
    }
    wgsl
}

/// The declarations that go.
fn gone<'a>(declarations: &[Declaration<'a>], renaming: &Renaming<'_>) -> BTreeSet<&'a str> {
    let mut gone = BTreeSet::new();
    for declaration in declarations {
        let is_replaced = |name: &&str| declaration.is_uniform() && (renaming.uniform)(name).is_some();
        if let Some(name) = declaration.name.filter(is_replaced) {
            gone.insert(name);
            gone.extend(declaration.ty().filter(|_| renaming.without_structs));
        }
        gone.extend(declaration.name.filter(|name| renaming.common.contains(name)));
    }
    gone
}

/// A declaration of a module, with the attributes and the space in front of it.
struct Declaration<'a> {
    tokens: &'a [&'a str],
    name: Option<&'a str>,
}

impl<'a> Declaration<'a> {
    fn words(&self) -> Vec<&'a str> {
        self.tokens.iter().copied().filter(|token| !token.trim().is_empty()).collect()
    }

    /// Whether it is `var<uniform>`.
    fn is_uniform(&self) -> bool {
        self.words().windows(3).any(|words| words == ["var", "<", "uniform"])
    }

    /// The type of a variable.
    fn ty(&self) -> Option<&'a str> {
        let words = self.words();
        let name = words.iter().position(|word| Some(*word) == self.name)?;
        words.get(name + 2).copied()
    }
}

/// The declarations of a module, one after the other.
fn declarations<'a>(tokens: &'a [&'a str]) -> Vec<Declaration<'a>> {
    let (mut declarations, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, &token) in tokens.iter().enumerate() {
        match token {
            "{" | "(" => depth += 1,
            "}" | ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 && matches!(token, "}" | ";") {
            let tokens = &tokens[start..=at];
            declarations.push(Declaration { tokens, name: name_of(tokens) });
            start = at + 1;
        }
    }
    declarations
}

/// The name that a declaration declares.
fn name_of<'a>(tokens: &[&'a str]) -> Option<&'a str> {
    let words: Vec<&str> = tokens.iter().copied().filter(|token| !token.trim().is_empty()).collect();
    let keyword = words.iter().position(|word| matches!(*word, "fn" | "const" | "struct" | "alias" | "var"))?;
    match words.get(keyword + 1) {
        // var<storage, read> name
        Some(&"<") => {
            words[keyword..].iter().position(|word| *word == ">").and_then(|n| words.get(keyword + n + 1)).copied()
        }
        name => name.copied(),
    }
}

/// One declaration on its way into a module under other names.
struct Copy<'a> {
    tokens: &'a [&'a str],
    declared: &'a BTreeSet<&'a str>,
    renaming: &'a Renaming<'a>,
}

impl Copy<'_> {
    fn write(&self, wgsl: &mut String) {
        let mut scopes = Scopes::default();
        let (mut at, mut in_struct) = (0, false);
        while let Some(&token) = self.tokens.get(at) {
            at += 1;
            if token == "@" {
                at = self.attribute(at, wgsl);
                continue;
            }
            in_struct = token == "struct" || (in_struct && token != "}");
            let is_member = self.is(at.wrapping_sub(2), ".") || (in_struct && self.is(at, ":"));
            if is_member || scopes.has(token) || scopes.declares(self.tokens, at - 1) {
                wgsl.push_str(token);
            } else if let Some(uniform) = (self.renaming.uniform)(token).filter(|_| self.is(at, ".")) {
                wgsl.push_str(&uniform);
                at += 1;
            } else if self.declared.contains(token) {
                wgsl.push_str(&(self.renaming.name)(token));
            } else {
                wgsl.push_str(token);
            }
            scopes.step(self.tokens, at - 1);
        }
    }

    fn is(&self, at: usize, token: &str) -> bool {
        self.tokens.get(at) == Some(&token)
    }

    /// Writes the attribute whose name is at a position, or leaves it out; the position behind it.
    fn attribute(&self, name: usize, wgsl: &mut String) -> usize {
        let close = |from: usize| self.tokens[from..].iter().position(|&token| token == ")").map_or(from, |n| from + n);
        let end = if self.is(name + 1, "(") { close(name) + 1 } else { name + 1 };
        match self.tokens[name] {
            "compute" | "workgroup_size" | "builtin" if self.renaming.call => {}
            "binding" => {
                let number = self.tokens[name + 2].parse().unwrap_or_default();
                wgsl.push_str(&format!("@binding({})", (self.renaming.binding)(number)));
            }
            _ => {
                wgsl.push('@');
                wgsl.extend(self.tokens[name..end].iter().copied());
            }
        }
        end
    }
}

/// The names that a function declares, as far as they are in scope: parameters, and locals from behind the statement
/// that declares them to the end of their block. They hide what the module declares.
#[derive(Default)]
struct Scopes<'a> {
    /// By block, the outermost first.
    names: Vec<Vec<&'a str>>,
    /// Declared by the statement that is being read.
    pending: Vec<&'a str>,
    /// How many parentheses are open.
    parentheses: usize,
    /// Whether this is the list of a function's parameters, or of a loop's header.
    header: bool,
}

impl<'a> Scopes<'a> {
    fn has(&self, name: &str) -> bool {
        self.names.iter().flatten().any(|own| *own == name)
    }

    /// Whether the token at a position is the name in a declaration.
    fn declares(&self, tokens: &[&str], at: usize) -> bool {
        let before = tokens[..at].iter().rev().find(|token| !token.trim().is_empty());
        let is_local = !self.names.is_empty() && before.is_some_and(|word| matches!(*word, "let" | "var" | "const"));
        is_local || (self.header && self.parentheses == 1 && tokens.get(at + 1) == Some(&":"))
    }

    /// Takes in the token at a position.
    fn step(&mut self, tokens: &[&'a str], at: usize) {
        match tokens[at] {
            "fn" | "for" => {
                self.header = true;
                self.names.push(Vec::new());
            }
            "(" => self.parentheses += 1,
            ")" => self.parentheses -= 1,
            // A header's names are those of the block behind it.
            "{" if self.header => self.enter(),
            "{" => {
                self.names.push(Vec::new());
                self.enter();
            }
            "}" => {
                self.names.pop();
            }
            ";" => self.declare(),
            ":" if self.header && self.parentheses == 1 => {
                let name = tokens[..at].iter().rev().find(|token| !token.trim().is_empty());
                self.names.last_mut().into_iter().for_each(|names| names.extend(name));
            }
            "let" | "var" | "const" if !self.names.is_empty() => {
                let name = tokens[at + 1..].iter().find(|token| !token.trim().is_empty());
                self.pending.extend(name);
            }
            _ => {}
        }
    }

    fn enter(&mut self) {
        self.header = false;
        self.declare();
    }

    fn declare(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.names.last_mut().into_iter().for_each(|names| names.extend(&pending));
    }
}

/// A module without comments as identifiers, numbers, runs of space and single characters.
fn tokens(module: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = module;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if first.is_whitespace() {
            rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        if !rest.starts_with("//") {
            tokens.push(&rest[..length]);
        }
        rest = &rest[length..];
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(module: &str) -> String {
        rename(
            module,
            &Renaming {
                name: &|name| format!("{name}_2"),
                uniform: &|name| (name == "params").then(|| "launch.params_2.".into()),
                without_structs: true,
                common: &["scratch"],
                binding: &|number| number + 5,
                call: true,
            },
        )
    }

    #[test]
    fn declared_names_change_and_members_do_not() {
        let module = "struct P { m: u32, n: Q }\nstruct Q { m: u32 }\n\
                      @group(0) @binding(0) var<uniform> params: P;\n\
                      @group(0) @binding(1) var<storage, read> p: Q; // p\nconst m: u32 = 1u;\n\
                      @compute @workgroup_size(m)\n\
                      fn f(@builtin(workgroup_id) g: vec3<u32>) { let x = p.m + m + params.m; }";
        let expected =
            "\nstruct Q_2 { m: u32 }\n@group(0) @binding(6) var<storage, read> p_2: Q_2; \nconst m_2: u32 = 1u;\n";
        let renamed = renamed(module);
        assert!(renamed.starts_with(expected), "{renamed}");
        assert!(renamed.contains("fn f_2( g: vec3<u32>) { let x = p_2.m + m_2 + launch.params_2.m; }"), "{renamed}");
    }

    #[test]
    fn what_a_function_declares_hides_what_the_module_declares() {
        let module = "const four: u32 = 4u;\nconst i: u32 = 1u;\n\
                      fn f(four: u32) -> u32 { let x = four; return x + i; }\n\
                      fn g() -> u32 { let a = four; { let four = four + 1u; } for (var i = i; i < four; i++) { i; } return i + four; }";
        let renamed = renamed(module);
        assert!(renamed.contains("fn f_2(four: u32) -> u32 { let x = four; return x + i_2; }"), "{renamed}");
        assert!(renamed.contains("{ let a = four_2; { let four = four_2 + 1u; }"), "{renamed}");
        assert!(renamed.contains("for (var i = i_2; i < four_2; i++) { i; } return i_2 + four_2; }"), "{renamed}");
    }

    #[test]
    fn what_modules_have_in_common_is_declared_once_for_all() {
        let renamed = renamed("var<workgroup> scratch: array<f32, 4>;\nfn f() -> f32 { return scratch[0]; }");
        assert_eq!(renamed.trim(), "fn f_2() -> f32 { return scratch[0]; }");
    }

    #[test]
    fn a_parameter_called_as_a_uniform_stays() {
        let module = "struct P { m: u32 }\n@group(0) @binding(0) var<uniform> params: P;\n\
                      fn f(params: vec2<u32>) -> u32 { return params.x; }\nfn g() -> u32 { return params.m; }";
        let renamed = renamed(module);
        assert!(renamed.contains("return params.x;") && renamed.contains("return launch.params_2.m;"), "{renamed}");
    }
}
