//! A model for PyTorch: the tensors are in its own file; this is the Python beside it that loads them, preprocessing included.

use super::expression::{Dialect, bare};
use super::names::comment;
use super::producer;
use super::program::{Answer, Certainty, Operand, Origin, RowProgram, Step};
use crate::graph::Function;
use serde_json::json;

/// Python that loads a model's file into PyTorch: a module with `load()`, the net with the file's weights; `inputs(rows)`, its
/// preprocessing; and `predict(net, rows)`. The model's `file` is looked for beside it.
pub fn pytorch(program: &RowProgram<'_>, file: &str) -> String {
    let model = program.model;
    let mut text = format!(
        "\"\"\"{}, by {}, weights {}.\n\n",
        comment(&model.architecture.to_string()).replace(['\\', '"'], "'"),
        producer(),
        model.weights_hash()
    );
    text += "    net = load()\n    predict(net, [ROW, ...])\n\n";
    text +=
        "with rows as dicts of cells (of text, number or None) by the names of the columns, or lists of features.\n";
    text += "Needs torch and safetensors.\n\"\"\"\n\n";
    text += "import datetime\nimport json\nimport math\nimport pathlib\nimport re\n\n";
    text += "import torch\nimport torch.nn.functional as F\nfrom safetensors import safe_open\n\n";
    text += &format!("FILE = pathlib.Path(__file__).with_name({})\n", json!(file));
    text += "with safe_open(FILE, \"pt\") as file:\n    DESCRIPTION = json.loads(file.metadata()[\"anygrad\"])\n";
    text += "ENCODER, PREPROCESSING = DESCRIPTION.get(\"encoder\"), DESCRIPTION[\"preprocessing\"]\n\n\n";
    text += include_str!("model.py");
    text += "\n\n";
    text += &net(program);
    text + "\n\n" + &predict(&program.answer)
}

const DIALECT: Dialect = Dialect {
    max: "_max",
    min: "_min",
    call: |function| match function {
        Function::Negate => "-",
        Function::Exp => "torch.exp",
        Function::Log => "torch.log",
        Function::Sqrt => "torch.sqrt",
        Function::Abs => "torch.abs",
        Function::Relu => "torch.relu",
        Function::LeakyRelu(_) => "F.leaky_relu",
        Function::Elu(_) => "F.elu",
        Function::Sigmoid => "torch.sigmoid",
        Function::Tanh => "torch.tanh",
        Function::Softplus => "F.softplus",
        Function::Step => "_step",
        Function::NormalCdf => "torch.special.ndtr",
    },
};

const HELPERS: [(&str, &str); 3] = [
    ("_step(", "def _step(x):\n    return (x >= 0).float()\n\n\n"),
    ("_max(", "def _max(a, b):\n    return torch.maximum(torch.as_tensor(a), torch.as_tensor(b))\n\n\n"),
    ("_min(", "def _min(a, b):\n    return torch.minimum(torch.as_tensor(a), torch.as_tensor(b))\n\n\n"),
];

/// The net as a module, whose parameters come from the file.
fn net(program: &RowProgram<'_>) -> String {
    let mut text = String::from(
        "class Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n        with safe_open(FILE, \"pt\") as file:\n            tensor = file.get_tensor\n",
    );
    for at in program.used_parameters() {
        let parameter = &program.parameters[at];
        let name = json!(parameter.name);
        text += &match parameter.origin {
            Origin::Tensor => format!("            self.t{at} = torch.nn.Parameter(tensor({name}))\n"),
            Origin::Transposed => {
                format!("            self.t{at} = torch.nn.Parameter(tensor({name}).T.contiguous())\n")
            }
            Origin::Constant => {
                let numbers: Vec<String> = parameter.data.iter().map(|x| format!("{x:?}")).collect();
                format!("            self.register_buffer(\"t{at}\", torch.tensor([{}]))\n", numbers.join(", "))
            }
        };
    }
    text += "            del tensor\n\n    def forward(self, v0):\n";
    for (at, step) in program.steps.iter().enumerate() {
        let y = at + 1;
        text += &match step {
            Step::Linear { x, weight, bias } => {
                let bias = bias.map_or("None".into(), |bias| format!("self.t{bias}"));
                format!("        v{y} = F.linear(v{x}, self.t{weight}, {bias})\n")
            }
            Step::Elementwise { expression, operands } => {
                let name = |i: usize| match operands.get(i) {
                    Some(Operand::Vector(at)) => format!("v{at}"),
                    Some(Operand::Parameter(at)) => format!("self.t{at}"),
                    None => "math.nan".into(),
                };
                format!("        v{y} = {}\n", bare(&DIALECT.write(expression, &name)))
            }
        };
    }
    text += &format!("        return v{}\n\n\ndef load():\n    return Net().eval()\n", program.output);
    let helpers = HELPERS.iter().filter(|(call, _)| text.contains(call)).map(|(_, helper)| *helper);
    helpers.collect::<String>() + &text
}

/// The function from rows to answers.
fn predict(answer: &Answer) -> String {
    let mut text = String::from("def predict(net, rows):\n");
    let doc = match answer {
        Answer::Classes { .. } => "The class of each row, and a number for each class.",
        Answer::Labels { .. } => "The probability of each label, for each row.",
        Answer::Values { .. } => "The values of each row.",
    };
    text += &format!("    \"\"\"{doc}\"\"\"\n    with torch.no_grad():\n        y = net(inputs(rows)).double()\n");
    text += &match answer {
        Answer::Classes { classes, certainty, threshold, .. } => {
            let numbers = match certainty {
                Certainty::Softmax => "torch.softmax(y, 1)",
                Certainty::Logistic => "torch.cat([torch.sigmoid(-y), torch.sigmoid(y)], 1)",
                Certainty::Scores => "y",
            };
            let best = match threshold {
                Some(threshold) => format!("(p[:, 1] >= {threshold:?}).long()"),
                None => "p.argmax(1)".into(),
            };
            format!("    p = {numbers}\n    return [CLASSES[i] for i in {best}], p\n\n\nCLASSES = {}\n", json!(classes))
        }
        Answer::Labels { names } => format!("    return torch.sigmoid(y)\n\n\nLABELS = {}\n", json!(names)),
        Answer::Values { names, centers, scales } => format!(
            "    return y * torch.tensor({scales:?}, dtype=y.dtype) + torch.tensor({centers:?}, dtype=y.dtype)\n\n\nNAMES = {}\n",
            json!(names)
        ),
    };
    text
}
