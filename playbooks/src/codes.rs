//! What each code means, for `xuedun explain`.

use events::Text;

/// The meaning of a code of this crate, if it has one.
pub fn explain(code: &str) -> Option<Text> {
    CODES.iter().find(|(c, ..)| *c == code).map(|(_, zh, en)| Text::new(*zh, *en))
}

const CODES: &[(&str, &str, &str)] = &[
    ("P001", "文件不是有效的 JSON（RFC 8259）。", "The file is not valid JSON (RFC 8259)."),
    ("P002", "文件、嵌套或步骤数超过上限。", "The file, its nesting or its steps exceed a bound."),
    ("P003", "同一对象中有重复的键。", "An object repeats a key."),
    (
        "P004",
        "CACAO 2.0 没有这个键；自定义内容应放在已声明的扩展里。",
        "CACAO 2.0 has no such key; own content belongs into a declared extension.",
    ),
    ("P005", "缺少必需的键。", "A required key is missing."),
    ("P006", "值的 JSON 类型不对。", "The value is of the wrong JSON type."),
    ("P007", "值不在允许的范围或词汇之内。", "The value is outside its range or vocabulary."),
    (
        "P008",
        "标识不是“类型--UUID”的形式，或类型不对。",
        "The identifier is not of the form type--uuid, or of the wrong type.",
    ),
    ("P009", "未知的步骤类型。", "Unknown step type."),
    ("P010", "未知的命令类型。", "Unknown command type."),
    ("P011", "引用的对象不存在。", "A reference points at nothing."),
    (
        "P012",
        "流程在 while 步骤之外成环，或回到开始步骤、外层流程。",
        "The flow loops outside a while step, or runs back to the start or into the flow around it.",
    ),
    ("P013", "没有任何流程到达该步骤。", "No flow reaches the step."),
    (
        "P014",
        "步骤成功之后没有下一步，分支没有结束。",
        "Nothing follows a step's success: its branch never ends.",
    ),
    ("P015", "两个分支共用一个步骤。", "Two branches share a step."),
    ("P016", "变量没有声明。", "A variable is not declared."),
    ("P017", "常量被列为输出。", "A constant is written."),
    ("P018", "变量的值与类型不符。", "A variable's value is not of its type."),
    ("P019", "两个并行分支写同一变量。", "Two parallel branches write the same variable."),
    (
        "P020",
        "条件表达式有误；条件是对变量的 STIX 比较表达式。",
        "The condition is wrong; it is a STIX comparison expression over variables.",
    ),
    ("P021", "文件中有明文密钥或口令。", "A secret stands in the clear."),
    ("P022", "使用了没有声明的扩展。", "An extension is used but not declared."),
    (
        "P024",
        "on_completion、on_success、on_failure 的组合不被允许。",
        "This combination of on_completion, on_success and on_failure is not allowed.",
    ),
    ("P025", "多个分支共用一个结束步骤（警告）。", "Branches share an end step (a warning)."),
    ("P026", "演练扩展有误。", "The drill extension is wrong."),
    (
        "P027",
        "命令须有且只有 command 或 command_b64。",
        "A command needs exactly one of command and command_b64.",
    ),
    (
        "P101",
        "执行日志无法写入或读取；执行停在日志所记之处。",
        "The run journal cannot be written or read; the run stands where the journal does.",
    ),
    ("P102", "执行日志中间损坏。", "The run journal is damaged before its end."),
    (
        "P103",
        "执行开始之后预案被改动；用原文本才能继续。",
        "The playbook changed since the run began; only its old text can go on.",
    ),
    ("P104", "没有能执行该类命令的执行器。", "No effector for commands of this type."),
    ("P105", "该步骤类型可以检查，但尚不能执行。", "Steps of this type load but cannot be run."),
    ("P106", "变量没有声明，或不可设置。", "The variable is not declared, or may not be set."),
    ("P107", "必须给出该变量的值。", "The variable must be given."),
    ("P108", "值与变量的类型不符。", "The value is not of the variable's type."),
    ("P109", "该步骤此刻不等待答复。", "The step does not wait for an answer now."),
    ("P110", "须由发起人之外的人确认。", "Someone other than who started the run must approve."),
    ("P111", "同一人不能确认两次。", "One person cannot approve twice."),
    (
        "P112",
        "答复须给出且只给出该步骤的输出变量。",
        "An answer gives exactly the step's output variables.",
    ),
    (
        "P113",
        "日志中没有执行，或已有执行，或执行已结束。",
        "The journal holds no run, or already one, or the run is over.",
    ),
    ("P114", "预案已撤销或不在有效期内。", "The playbook is revoked or not valid now."),
    ("P115", "备注过长。", "The note is too long."),
    ("P116", "该预案不是演练。", "The playbook is not a drill."),
    ("P117", "演练没有这个情景注入。", "The drill has no such inject."),
    ("P118", "签名无法检查。", "The signature cannot be checked."),
    ("P119", "预案目录无法读取。", "The playbook folder cannot be read."),
];
