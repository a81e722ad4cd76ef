//! Texts of watching: workbench, alerts, search, schools, sensors.

messages! {
    /// The workbench.
    Workbench {
        title: "工作台", "Workbench";
        queue: "待处置告警组", "Alert groups to handle";
        queue_mine: "我负责的", "Mine";
        queue_new: "待认领", "Unclaimed";
        queue_empty: "没有待处置的告警组。", "Nothing waits to be handled.";
        events_rate: "日志记录", "Events";
        activity: "日志与告警趋势", "Events and alert groups";
        activity_desc: "面积为日志记录数，菱形为新增告警组。", "The area is the number of events, diamonds are new alert groups.";
        events_today: "窗口内日志记录", "Events in the window";
        alerts_today: "窗口内新增告警组", "New alert groups in the window";
        journal: "累计入库", "Journalled in all";
        lag: "待检测日志（条）", "Records awaiting detection";
        sensors: "采集状态", "Sensors";
        sensors_ok: "全部采集器正常上报。", "Every sensor is reporting.";
        silent: "静默", "silent";
        risk: "风险最高的学校", "Schools most at risk";
        risk_none: "各学校均无扣分项。", "No school has a deduction.";
        audit: "最近一次稽核", "Latest audit run";
        audit_none: "还没有做过稽核。", "No audit has run yet.";
        drill: "演练", "Drills";
        drill_none: "当前没有演练。", "No drill is running.";
        drill_open: "进入演练看板", "Open the board";
        techniques: "攻击技术分布", "Attack techniques";
        techniques_desc: "未关闭告警组对应的 ATT&CK 技术", "ATT&CK techniques of open alert groups";
        techniques_none: "没有未关闭的告警组。", "No open alert groups.";
    }
}

messages! {
    /// The alert queue and one alert group.
    Alerts {
        title: "告警组", "Alert groups";
        rule: "规则", "Rule";
        key: "归并键", "Group key";
        entities: "涉及实体", "Entities";
        hits: "命中", "Hits";
        first: "首次", "First";
        last: "最近", "Last";
        state_open: "未关闭", "Open";
        state_new: "待认领", "New";
        state_ack: "处理中", "In hand";
        state_closed: "已关闭", "Closed";
        mine: "只看我负责的", "Only mine";
        exercises: "包含演练", "Include drills";
        order: "排序", "Order";
        order_gravest: "级别优先", "Gravest first";
        order_latest: "最近优先", "Latest first";
        level_min: "最低级别", "At least";
        text: "标题、实体、规则", "Title, entity, rule";
        bulk_ack: "认领所选", "Take the selected";
        select: "选择", "Select";
        select_all: "全选", "Select all";
        empty: "没有符合条件的告警组。", "No alert group fits.";
        why: "为什么告警", "Why it fired";
        advice: "处置建议", "What to do";
        false_positives: "可能的误报", "Known false positives";
        rule_source: "规则原文", "Rule source";
        rule_gone: "该规则已不在当前规则集中。", "The rule is no longer in force.";
        matched: "命中字段", "Matched fields";
        raw: "原始日志记录", "Record as received";
        raw_gone: "原始日志记录暂时无法读取。", "The record cannot be read at the moment.";
        around: "前后 5 分钟的日志记录", "Events within ±5 minutes";
        around_none: "该时段没有其他日志记录。", "No other events in that time.";
        around_more: "在检索中打开", "Open in search";
        past: "同一规则以往的结论", "Past verdicts of this rule";
        past_none: "该规则还没有已关闭的告警组。", "This rule has no closed groups yet.";
        playbook: "处置预案", "Playbook";
        playbook_none: "该规则没有关联预案。", "No playbook is linked to this rule.";
        take: "认领", "Take it";
        assign_me: "转给我", "Assign to me";
        close: "关闭告警组", "Close the group";
        verdict: "结论", "Verdict";
        verdict_true: "确认攻击", "True attack";
        verdict_benign: "正常业务", "Benign";
        verdict_false: "误报", "False positive";
        verdict_duplicate: "重复告警", "Duplicate";
        reason_hint: "必填：写明依据，供以后同类告警参考", "Required: what you based it on; shown when the rule fires again";
        history: "处置过程", "History";
        act_raised: "产生告警组", "raised the group";
        act_ack: "认领", "took it";
        act_assigned: "转交给", "assigned it to";
        act_closed: "关闭，结论为", "closed it as";
        system: "系统", "System";
        technique: "攻击技术", "Technique";
        received: "最近接收", "Received";
        raised: "告警时间", "Raised";
        acted_done: "已完成。", "Done.";
        facts: "概要", "Facts";
    }
}

messages! {
    /// Search.
    Search {
        title: "检索", "Search";
        query: "查询语句", "Query";
        placeholder: "例：event.outcome:failure source.ip:203.0.113.0/24 | count by user.name | top 10", "e.g. event.outcome:failure source.ip:203.0.113.0/24 | count by user.name | top 10";
        run: "检索", "Search";
        range: "时间范围", "Time range";
        r15m: "最近 15 分钟", "Last 15 minutes";
        r1h: "最近 1 小时", "Last hour";
        r6h: "最近 6 小时", "Last 6 hours";
        r24h: "最近 24 小时", "Last 24 hours";
        r7d: "最近 7 天", "Last 7 days";
        r30d: "最近 30 天", "Last 30 days";
        custom: "自定义", "Custom";
        from: "起", "From";
        to: "止", "To";
        at_least: "至少", "at least";
        matched: "条命中的日志记录", "matched events";
        scanned: "扫描", "scanned";
        took: "用时", "took";
        partial: "结果不完整：到达时限，仅显示已扫描部分。请缩小时间范围。", "Partial answer: the deadline came first. Narrow the time range.";
        cancelled: "结果不完整：检索已取消，仅显示已扫描部分。", "Partial answer: the search was cancelled.";
        unreadable: "结果不完整：以下存储文件无法读取，不含其中的日志记录：", "Partial answer: these stored files could not be read, and their events are missing:";
        cut: "只显示最新的部分，其余请导出或缩小条件。", "Only the latest are shown; export, or narrow the conditions.";
        empty: "没有符合条件的日志记录。", "No event fits.";
        start: "输入查询语句开始检索。留空则显示所选时间内的全部日志记录。", "Type a query. An empty one shows everything in the time range.";
        record: "日志记录", "Record";
        fields: "字段", "Fields";
        source: "来源", "Source";
        older: "更早的日志记录", "Older events";
        go_on: "继续检索更早的日志记录", "Go on with older events";
        export: "导出 JSONL", "Export JSONL";
        export_csv: "导出 CSV", "Export CSV";
        export_late: "导出到达时限，文件不完整。", "The time of the export was over; the file is not whole.";
        export_go_on: "从此处继续导出", "Go on from here";
        error: "查询语句有误", "The query cannot be read";
        histogram: "随时间的分布", "Over time";
        histogram_desc: "本页所列日志记录随时间的分布", "The events of this page by time";
        help: "语法", "Syntax";
        help_field: "字段等于", "field equals";
        help_wild: "通配符", "wildcards";
        help_cidr: "地址段", "address range";
        help_bool: "与、或、非", "and, or, not";
        help_count: "分组统计", "count by group";
        help_table: "列出字段", "list fields";
        help_time: "某时之后，随时间的分布", "since a time, by time";
        exercises: "包含演练", "Include drills";
    }
}

messages! {
    /// Saved hunts.
    Hunts {
        title: "狩猎查询", "Hunts";
        saved: "已保存的狩猎查询", "Saved hunts";
        empty: "还没有保存狩猎查询。", "No hunt is saved yet.";
        name: "名称", "Name";
        name_hint: "不超过 80 个字", "At most 80 characters";
        query: "查询语句", "Query";
        owner: "创建人", "Owner";
        changed: "更新时间", "Changed";
        rule: "检测规则", "Rule";
        rule_how: "生成的是 Sigma 规则草稿，由安全管理员补充测试后放入规则目录。统计类查询须填写阈值和时间窗口。", "What is drafted is a Sigma rule: whoever keeps the rules adds tests and puts it into their folder. A query that counts needs a threshold and a time span.";
        threshold: "阈值", "Threshold";
        timespan: "时间窗口", "Time span";
        promote: "转为检测规则", "Draft a rule";
        save_title: "保存狩猎查询", "Save a hunt";
        save: "保存", "Save";
        remove: "删除", "Remove";
        keep: "保存为狩猎查询", "Save as a hunt";
    }
}

messages! {
    /// Schools and their risk index.
    Schools {
        title: "学校", "Schools";
        index: "风险指数", "Risk index";
        index_how: "满分 100，逐项扣分，越低风险越高。", "Starts at 100; every deduction is listed. Lower means more at risk.";
        rank: "排名", "Rank";
        code: "学校标识码", "School code";
        division: "行政区划", "Division";
        division_until: "代码已停用，最后见于", "code withdrawn, last seen in";
        deductions: "扣分项", "Deductions";
        cartogram_desc: "每格一所学校，数字为风险指数，颜色与形状表示等级。", "One tile per school; the number is its risk index, colour and shape its band.";
        band_good: "良好", "Good";
        band_watch: "关注", "Watch";
        band_poor: "较差", "Poor";
        band_danger: "危险", "Danger";
        networks: "地址段", "Networks";
        full: "没有扣分项。", "Nothing has been deducted.";
        points: "扣分", "Points";
        capped: "未计入（已达上限）", "Not counted (cap)";
        cause: "原因", "Cause";
        open: "查看", "Open";
        alerts: "告警组", "Alert groups";
        events: "检索该校日志", "Search its events";
        empty: "区域内还没有登记学校。", "No school is registered yet.";
        sum: "合计", "Sum";
        average: "平均", "Average";
    }
}

messages! {
    /// Sensors.
    Sensors {
        title: "采集", "Sensors";
        sensor: "采集器", "Sensor";
        input: "输入", "Input";
        received: "接收", "Received";
        decoded: "已解析", "Decoded";
        undecoded: "无法解析（已保留）", "Undecoded (kept)";
        dropped: "丢弃", "Dropped";
        dropped_none: "无丢弃", "No drops";
        skew: "时钟偏差", "Clock skew";
        behind: "到达滞后", "Arrives behind";
        behind_title: "近 10 分钟内日志到达晚于其自身时间的最大值；滞后不超过 2 秒的采集器，关联分析会等待；更晚的日志仍参与关联，但不再等待。", "The longest its records came behind their own time, lately; correlation waits for a sensor up to 2 seconds behind the others; what comes later still counts, but is not waited for.";
        waits: "关联等待", "correlation waits";
        last: "最近上报", "Last record";
        ok: "正常", "Reporting";
        silent: "静默", "Silent";
        losing: "丢失记录", "Losing records";
        skewed: "时钟偏差", "Clock skew";
        outdated: "证书未能更新", "Certificate not renewed";
        waiting: "等待首条", "Waiting";
        samples: "无法解析的样本", "Undecoded samples";
        samples_none: "没有无法解析的记录。", "Nothing failed to decode.";
        undeclared: "没有采集包认领的记录", "Records that no pack declares";
        suggested: "建议给该采集器指定采集包", "a pack that would fit, to be named for this sensor";
        turned_away: "被拒绝的连接和请求", "Connections and requests turned away";
        last_refusal: "最近一次", "the last";
        samples_why: "样本已作为日志记录保留，可据此完善采集包。", "Samples are kept as events; use them to improve the pack.";
        empty: "没有配置采集器。", "No sensor is configured.";
        reconcile: "收到的每条记录要么解析入库，要么原样保留入库，要么按原因计入丢弃；没有静默丢失。", "Every record received is decoded, kept as received, or counted as lost with its cause; none vanishes silently.";
        journal: "日志流水", "Journal";
        archived: "已归档", "Archived";
        matched: "已检测", "Matched";
        rules: "规则数", "Rules";
        oldest: "最早保留", "Oldest kept";
    }
}

messages! {
    /// Which rules each source can feed.
    Coverage {
        title: "规则可评估性", "Rules by source";
        source: "日志源（采集包）", "Source (pack)";
        rules: "规则数", "Rules";
        whole: "可评估", "Whole";
        partly: "部分可评估", "Partly";
        not_seen: "未见所需字段", "Not seen";
        cannot: "不可评估", "Not evaluable";
        lacking: "缺少字段的规则", "Rules that lack fields";
        missing: "缺少：", "lacks:";
        unfed: "没有日志源能评估的规则", "Rules that no source can feed";
        elsewhere: "日志源不在采集包之内的规则", "Rules for log sources that no pack yields";
        none: "没有。", "None.";
        why: "规则所需的字段，日志源的记录不可能有时，该规则在该日志源上不可评估；“未见”指格式允许、但采集包的样例中没有。", "A rule is not evaluable on a source whose records cannot have a field it needs; \"not seen\" means that the format allows it but no sample of the pack has it.";
        open: "查看规则可评估性", "Rules by source";
    }
}
