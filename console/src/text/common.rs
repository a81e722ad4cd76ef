//! Texts of the frame, of signing in and of errors.

messages! {
    /// The side navigation and the top bar.
    Nav {
        product: "学盾", "Xuedun";
        tagline: "区域教育网络安全运营", "Security operations for schools";
        group_watch: "监测处置", "Watch";
        group_prove: "合规与数据", "Prove";
        group_run: "运行", "Run";
        workbench: "工作台", "Workbench";
        alerts: "告警", "Alerts";
        search: "检索", "Search";
        schools: "学校", "Schools";
        compliance: "等保合规", "Compliance";
        data: "数据安全", "Student data";
        reveals: "数据还原", "Reveal";
        drills: "演练", "Drills";
        sensors: "采集", "Sensors";
        audit_log: "审计日志", "Audit log";
        account: "我的账号", "My account";
        logout: "退出登录", "Sign out";
        skip: "跳到正文", "Skip to content";
        main: "主导航", "Main navigation";
        switch_lang: "English", "中文";
        theme: "外观", "Theme";
        theme_auto: "跟随系统", "System";
        theme_light: "浅色", "Light";
        theme_dark: "深色", "Dark";
        theme_screen: "大屏", "Big screen";
        clock: "数据截至", "Data as of";
        clock_none: "尚无日志记录", "No events yet";
        drill_banner: "演练进行中：标有“演练”的告警与日志记录不是真实攻击，不计入日常统计。", "A drill is running: alerts and events marked DRILL are not real and stay out of the figures.";
        drill_mark: "演练", "DRILL";
        keys: "键盘：j/k 移动，Enter 打开，x 选中，/ 搜索，g 后接 w/a/s 跳转，? 显示本说明", "Keys: j/k move, Enter opens, x selects, / searches, g then w/a/s jumps, ? shows this";
        keys_title: "键盘操作", "Keyboard";
    }
}

messages! {
    /// Words used on many pages.
    Common {
        all: "全部", "All";
        apply: "筛选", "Apply";
        reset: "重置", "Reset";
        close: "关闭", "Close";
        copy: "复制", "Copy";
        time: "时间", "Time";
        school: "学校", "School";
        district: "区县", "District";
        state: "状态", "State";
        severity: "级别", "Severity";
        owner: "负责人", "Owner";
        name: "名称", "Name";
        count: "次数", "Count";
        none: "无", "None";
        never: "从未", "Never";
        next: "下一页", "Next page";
        first_page: "回到首页", "First page";
        table_twin: "查看数据表", "Show as table";
        view_all: "查看全部", "View all";
        exercise: "演练", "DRILL";
        unverified: "未核实", "unverified";
        unverified_why: "所依据的标准文本尚未与原文核对", "The standard's text behind this has not been checked against the original";
        rows: "行", "rows";
        reason: "理由", "Reason";
        beijing: "北京时间（UTC+8）", "Beijing time (UTC+8)";
    }
}

messages! {
    /// Signing in.
    Login {
        title: "登录", "Sign in";
        name: "账号", "Account";
        password: "口令", "Password";
        code: "动态码", "Code";
        code_hint: "身份验证器上的 6 位数字", "Six digits from your authenticator";
        code_needed: "此账号启用了双因素认证，请输入动态码和口令。", "This account has a second factor: enter the code and your password.";
        submit: "登录", "Sign in";
        once_title: "一次性登录", "One-time sign-in";
        once_text: "此链接只能使用一次。点击下面的按钮完成登录。", "This link works once. Press the button to sign in.";
        once_submit: "确认登录", "Sign me in";
        once_bad: "链接已使用或已过期，请向系统管理员重新申请。", "The link was used or has expired. Ask the system administrator for a new one.";
        signed_out: "已安全退出。", "You have signed out.";
        notice: "本系统仅供授权人员使用，所有操作均有审计记录。", "For authorised staff only. Everything you do here is recorded in the audit log.";
    }
}

messages! {
    /// Error pages.
    Problems {
        heading: "出了点问题", "Something went wrong";
        code: "错误码", "Code";
        back: "返回工作台", "Back to the workbench";
        not_found: "没有找到", "Not found";
        not_found_text: "页面不存在，或不在您的管理范围内。", "There is no such page, or it lies outside your scope.";
        forbidden_text: "您的角色没有此权限。如需开通，请联系系统管理员。", "Your role does not allow this. Ask the system administrator if you need it.";
        csrf: "页面已过期", "The page has expired";
        csrf_text: "请返回上一页，刷新后重新提交。", "Go back, reload the page and submit again.";
        origin: "请求来源不被接受", "The request came from elsewhere";
        origin_text: "只接受从本控制台页面提交的操作。", "Only forms of this console may change anything.";
        too_large: "提交的内容过大", "The request is too large";
        timeout: "处理超时", "It took too long";
        timeout_text: "请缩小时间范围或条件后重试。", "Narrow the time range or the conditions and try again.";
        busy: "服务繁忙，请稍后再试", "The server is busy, try again";
        internal_text: "详细原因已写入服务日志。", "The cause is in the server's log.";
        bad_form: "提交的内容无法识别", "The form cannot be read";
        method: "不支持此操作", "Method not allowed";
    }
}
