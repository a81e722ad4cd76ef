//! Texts of proving: compliance, student data, drills, audit log, own account.

messages! {
    /// Compliance.
    Compliance {
        title: "等保合规", "Compliance";
        run_now: "立即稽核", "Run an audit now";
        running: "稽核正在执行", "An audit is running";
        none: "还没有做过稽核。点击“立即稽核”，将检查本机并记录证据；稽核只读取，不改变被检查对象。", "No audit has run yet. Running one reads this machine's state and keeps the evidence; it changes nothing.";
        finished: "结束", "Finished";
        target: "对象", "Target";
        planned: "计划 / 已执行", "Planned / executed";
        score: "得分", "Score";
        scores: "各评分模板", "Under each template";
        template: "模板", "Template";
        strict: "严格符合率", "Strict rate";
        with_partial: "含部分符合", "With partial";
        denominator: "分母", "Denominator";
        categories: "各安全类", "By category";
        items: "要求项", "Items";
        item: "要求项", "Item";
        grade: "等次", "Grade";
        judged: "已判定", "Judged";
        findings: "不符合项", "Findings";
        high_risk: "高风险情形", "High-risk case";
        verdict: "结论", "Verdict";
        observed: "实测证据", "Observed";
        expected: "期望", "Expected";
        remedy: "整改建议", "Remedy";
        filter: "按结论筛选", "Filter by verdict";
        runs: "历次稽核", "Past runs";
        diff: "与上次相比", "Since the last run";
        better: "改善", "better";
        worse: "变差", "worse";
        no_check: "暂无自动检查，需人工举证", "No automatic check: needs attestation by a person";
        not_certified: "本页为自查结果，不是测评结论，也不代替测评机构出具的报告。", "A self-check, not an assessment, and no substitute for a licensed assessor's report.";
        not_certified_report: "整改时以检查项写明的依据为准。", "When remedying, follow the source named by each check.";
    }
}

messages! {
    /// Student data.
    Data {
        title: "数据安全", "Student data";
        none: "还没有数据清单。用 xuedun classify 扫描数据文件后，结果会显示在这里。", "No inventory yet. Scan a data file with xuedun classify; the result appears here.";
        column: "列", "Column";
        element: "数据元素", "Element";
        grade: "级别", "Grade";
        confidence: "置信度", "Confidence";
        sensitive: "敏感个人信息", "Sensitive";
        sensitive_yes: "是", "yes";
        reasons: "判定依据", "Reasons";
        hits: "命中值", "Hits";
        ragged: "列数不齐的行", "Ragged rows";
        at: "扫描时间", "Scanned";
        rows: "数据行数", "Data rows";
        columns: "列", "columns";
        under14: "不满 14 周岁", "Under 14";
        dataset_grade: "数据集级别", "Dataset grade";
        grades: "各级别列数", "Columns by grade";
        masking: "脱敏报告", "Masking reports";
        masking_none: "还没有脱敏记录。", "Nothing has been masked yet.";
        policy: "脱敏策略", "Policy";
        residue: "二次扫描", "Second scan";
        residue_zero: "零残留", "Zero residue";
        k: "k-匿名", "k-anonymity";
        input_hash: "输入 SHA-256", "Input SHA-256";
        output_hash: "输出 SHA-256", "Output SHA-256";
        values_never: "本页只展示统计与判定依据，从不展示数据值。", "This page shows figures and reasons, never a value.";
        ungraded: "未识别", "Not found";
    }
}

messages! {
    /// Reveal requests.
    Reveals {
        title: "数据还原", "Reveal";
        about: "查看受保护的个人信息须说明用途；敏感个人信息与高级别数据须经另一人批准。申请、批准与使用均记入审计日志。", "Seeing protected personal data takes a purpose; what is sensitive or of a high grade takes another person's approval. Requests, approvals and uses are in the audit log.";
        requests: "还原申请", "Requests";
        request: "还原申请", "Request";
        waiting: "待批准", "waiting";
        none: "还没有还原申请。", "No request yet.";
        by: "申请人", "Asked by";
        what: "还原对象", "What";
        purpose: "用途", "Purpose";
        purpose_hint: "为何需要；将记入审计日志，请勿写入个人信息", "why it is needed; kept in the audit log, so write no personal data here";
        grade: "级别", "Grade";
        grade_unknown: "未知", "unknown";
        whole_file: "整个文件", "whole file";
        any_row: "任意行", "any row";
        rows: "行", "rows";
        records: "条日志记录", "log records";
        requested: "待批准", "Waiting";
        approved: "已批准", "Approved";
        refused: "已拒绝", "Refused";
        used: "已使用", "Used";
        expired: "已过期", "Expired";
        ask: "申请还原加密数据", "Ask for protected columns";
        ask_records: "申请查看日志记录中的个人信息", "Ask for personal data in log records";
        dataset: "数据集", "Dataset";
        dataset_hint: "与加密时的名称一致", "as it was named when it was protected";
        columns: "列", "Columns";
        columns_hint: "每行一个列名；整体加密的文件留空", "one a line; leave it empty for a file sealed whole";
        row_keys: "行标识", "Row keys";
        row_keys_hint: "每行一个；留空则不限行，以单元格上限为准", "one a line; empty for any row, up to the number of cells";
        cells: "单元格上限", "Cells at most";
        cells_hint: "留空则按策略", "empty for the policy's";
        record_ids: "记录编号", "Record ids";
        record_ids_hint: "每行一个，检索结果中可复制", "one a line, as search shows them";
        submit: "提交申请", "Ask";
        expires: "有效期至", "Until";
        decision: "审批", "Decision";
        by_policy: "策略不要求他人批准", "the policy asks for no second person";
        opened: "已还原", "opened";
        ticket: "还原凭证", "Ticket";
        ticket_how: "把凭证存入仅本人可读的文件，用 xuedun reveal 或 lookup 的 --ticket-file 和 --config 给出；只能使用一次。", "Put the ticket into a file that only you can read and give it to xuedun reveal or lookup with --ticket-file and --config; it works once.";
        decide: "审批", "Approve or refuse";
        decide_how: "请核对用途与范围是否相称。申请人不能批准自己的申请。", "See that purpose and extent fit. Who asked cannot approve.";
        approve: "批准", "Approve";
        refuse: "拒绝", "Refuse";
        note: "意见", "Note";
        reason: "拒绝理由", "Reason";
        done: "已提交。", "Done.";
        masked_records: "日志记录（已脱敏）", "Log records (masked)";
        open: "查看原文", "Show in the clear";
        open_how: "原文只显示一次；离开页面后须重新申请。", "They are shown once; after leaving the page it takes another request.";
        opened_note: "以下为日志记录原文，本次查看已记入审计日志。请勿截屏、转发。", "Log records in the clear; this view is in the audit log. Do not copy or forward them.";
        masked: "已脱敏", "masked";
        masked_rows: "条记录中的个人信息已脱敏；〔类型:代码〕中代码相同者为同一值。检索仍按原值匹配。", "records are masked: in 〔type:code〕 one code is one value. Searches still go by the values themselves.";
        masked_ask: "申请查看原文", "Ask to see it";
    }
}

messages! {
    /// Drills.
    Drills {
        title: "演练", "Drills";
        none: "还没有演练记录。", "No drill has been held yet.";
        state: "状态", "State";
        running: "进行中", "Running";
        done: "已结束", "Finished";
        started: "开始", "Started";
        start: "开始演练", "Start a drill";
        choose: "演练脚本", "Scenario";
        site: "演练学校", "School";
        injects: "情景注入", "Injects";
        inject: "注入", "Inject";
        t0: "T0 注入", "T0 injected";
        t1: "T1 发现", "T1 detected";
        t2: "T2 认领", "T2 taken";
        t3: "T3 研判", "T3 judged";
        t4: "T4 遏制", "T4 contained";
        t5: "T5 恢复", "T5 recovered";
        t6: "T6 报告", "T6 reported";
        mttd: "MTTD", "MTTD";
        mtta: "MTTA", "MTTA";
        mttc: "MTTC", "MTTC";
        mttr: "MTTR", "MTTR";
        mttd_text: "平均发现用时", "mean time to detect";
        mtta_text: "平均认领用时", "mean time to acknowledge";
        mttc_text: "平均遏制用时", "mean time to contain";
        mttr_text: "平均恢复用时", "mean time to recover";
        sla: "一小时处置时限", "One-hour SLA";
        sla_met: "达标", "Met";
        sla_breached: "超时", "Breached";
        sla_open: "计时中", "Running";
        coverage: "技术覆盖", "Technique coverage";
        cov_alerted: "已告警", "Alerted";
        steps: "处置步骤", "Steps";
        objectives: "演练目标", "Objectives";
        findings: "需要改进", "To be improved";
        end_completed: "完成演练", "Finish the drill";
        end_stopped: "中止演练", "Stop the drill";
        mark_contained: "标记已遏制", "Contained";
        mark_recovered: "标记已恢复", "Recovered";
        mark_reported: "标记已报告", "Reported";
        answer_done: "已完成", "It is done";
        answer_failed: "未能完成", "It failed";
        note: "说明", "Note";
        alerts: "演练告警组", "Alert groups of this drill";
        report: "总结报告", "After-action report";
        simulated: "演练中的处置动作均为模拟，不会改动真实设备。", "Actions in a drill are simulated; no real device is touched.";
    }
}

messages! {
    /// The audit log.
    Audit {
        title: "审计日志", "Audit log";
        seq: "序号", "No.";
        by: "账号", "Account";
        role: "角色", "Role";
        action: "操作", "Action";
        target: "对象", "Target";
        outcome: "结果", "Outcome";
        success: "成功", "Success";
        failure: "失败", "Failure";
        hash: "链哈希", "Chain hash";
        chain_ok: "哈希链完整", "The hash chain is whole";
        chain_broken: "哈希链断裂，首个异常条目", "The hash chain is broken at entry";
        empty: "没有审计记录。", "No entries.";
        text: "全部变更与敏感查询均在此留痕，仅审计管理员可读。", "Every change and sensitive read is recorded here; only the audit administrator can read it.";
    }
}

messages! {
    /// Own account.
    Account {
        title: "我的账号", "My account";
        role: "角色", "Role";
        password: "修改口令", "Change password";
        old: "当前口令", "Current password";
        old_none: "首次设置可留空", "leave empty when you set it for the first time";
        new: "新口令", "New password";
        again: "再次输入新口令", "New password again";
        rule: "至少 12 位，包含大写、小写、数字、符号中的三类，不含账号名。", "At least 12 characters, three of lower case, upper case, digits and signs, without the account's name.";
        save: "保存口令", "Save password";
        differ: "两次输入的新口令不一致。", "The two new passwords differ.";
        saved: "口令已更新，其他会话已退出。", "Password changed; other sessions have ended.";
        totp: "双因素认证", "Second factor";
        totp_on: "已启用动态码。重新登记会使旧的失效。", "A second factor is in force. Enrolling again replaces it.";
        totp_off: "尚未启用。建议立即登记。", "Not enrolled yet. Please do it now.";
        totp_start: "登记身份验证器", "Enrol an authenticator";
        totp_how: "在身份验证器中选择“手动输入密钥”，填入下面的密钥，再把显示的 6 位数字填到下方。", "In your authenticator choose manual entry, type the key below, then enter the six digits it shows.";
        totp_secret: "密钥", "Key";
        totp_confirm: "启用", "Put in force";
        totp_saved: "双因素认证已启用。", "The second factor is in force.";
        last_login: "上次登录", "Last sign-in";
        saved_bad: "未能保存，请按提示修改。", "Not saved.";
    }
}
