//! `xuedun init`: a folder with a configuration, certificates and the three administrators.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use centre::account::{NewAccount, Role};
use centre::{Centre, World};
use events::Lang;

use super::{Done, Failure, Outcome, account, node, print_line};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The folder to make
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Name of the bureau
    #[arg(long, default_value = "教育局")]
    name: String,
    /// Names and addresses that the self-signed certificate is for
    #[arg(long, value_name = "NAME", default_values = ["localhost", "127.0.0.1"])]
    host: Vec<String>,
}

/// The first accounts: the three administrators and an analyst.
const ACCOUNTS: [(&str, Role, &str, &str); 4] = [
    ("sysadmin", Role::SystemAdmin, "系统管理员", "System administrator"),
    ("secadmin", Role::SecurityAdmin, "安全管理员", "Security administrator"),
    ("auditor", Role::AuditAdmin, "审计管理员", "Audit administrator"),
    ("analyst", Role::Analyst, "安全分析员", "Analyst"),
];

pub fn run(args: Args, lang: Lang) -> Done {
    node::start_log("warn");
    let config_path = args.dir.join("xuedun.toml");
    if config_path.exists() {
        return Err(Failure::usage("X070", config_path.display().to_string()));
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&args.dir)
        .map_err(|e| Failure::file(&args.dir, &e))?;
    let (cert, key) = centre::tls::self_signed(&args.host)?;
    write(&args.dir.join("cert.pem"), 0o644, &cert)?;
    write(&args.dir.join("key.pem"), 0o600, &key)?;
    let world = World::real();
    let token = format!("{:032x}", world.unique());
    write(&config_path, 0o600, &text(&args.name, &token))?;
    let config = node::load(&config_path)?;
    let centre = Centre::open(config, world)?;
    let mut links = Vec::new();
    for (name, role, zh, en) in ACCOUNTS {
        let display_name = lang.pick(zh, en).to_owned();
        centre.set_up_account(NewAccount { name: name.to_owned(), display_name, role, lang })?;
        let token = centre.one_time_link(name)?;
        let url = format!("https://{}", centre.config().console.listen);
        links.push(account::login_link_at(&url, token.reveal()));
    }
    print_line(&format!("{}: {}", lang.pick("配置", "configuration"), config_path.display()))?;
    print_line(lang.pick(
        "一次性登录链接（60 分钟内有效，启动 xuedun serve 后打开）：",
        "one-time login links (for 60 minutes; open them once `xuedun serve` runs):",
    ))?;
    for link in links {
        print_line(&format!("  {link}"))?;
    }
    Ok(Outcome::Clean)
}

fn write(path: &Path, mode: u32, text: &str) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(path).map_err(|e| Failure::file(path, &e))?;
    file.write_all(text.as_bytes()).map_err(|e| Failure::file(path, &e))?;
    file.sync_all().map_err(|e| Failure::file(path, &e))
}

fn text(name: &str, token: &str) -> String {
    let name = name.replace(['"', '\\'], "");
    format!(
        r#"# 学盾节点配置 / Configuration of a Xuedun node
# 未知的键会报错；环境变量 XUEDUN_节__键 可覆盖，如 XUEDUN_STORE__RETENTION_DAYS=365
# Unknown keys are errors; XUEDUN_SECTION__KEY overrides, e.g. XUEDUN_STORE__RETENTION_DAYS=365

[node]
data_dir = "data"

[console]
listen = "127.0.0.1:8443"
cert = "cert.pem"   # 自签名证书，请换成本单位的证书 / self-signed: replace it by your own
key = "key.pem"

[rules]
library = true
paths = []          # 本地 Sigma 规则 / your own Sigma rules
pipelines = []      # 处理管道 / processing pipelines
# intel = "intel"    # 威胁情报清单目录 / folder of threat-intelligence lists

[store]
retention_days = 180   # 不得少于 180 / never fewer

[audit]
schedule = "0 3 * * *" # 北京时间 / Beijing time; "" 表示不定时 / for never
# targets = "targets.toml" # 其他稽核对象的清单 / a file of further targets

# [enrich]
# direction = true           # 标注内外网方向 / mark inside and outside
# assets = "assets.csv"      # 资产台账：资产名称、IP地址、资产类型、学校标识码 / asset inventory
# geoip = "city.mmdb"        # 地理位置库，自备 / a MaxMind DB or CSV of your own
# asn = "asn.mmdb"           # 自治系统库，自备 / autonomous systems, a MaxMind DB of your own
# divisions = "divisions.csv" # 补充行政区划名称：code,zh,en,verified,until / further division names

[evidence]
schedule = "0 * * * *" # 何时签检查点 / when checkpoints are signed
sm2 = false            # 是否加签国密 SM2 / an SM2 signature beside the other
# policy = "witnesses.policy"         # 见证方及所需数目 / witnesses and quorum (C2SP tlog-policy)
# tsa_url = "http://tsa.example/tsr"  # 时间戳机构 / timestamp authority (RFC 3161)
# tsa_ca = "tsa.pem"                  # 其根证书 / its root certificates
# seen = "/srv/other/xuedun.seen"     # 记住最近检查点的文件，宜放在另一磁盘 / memory of the last checkpoint, better on another disk

# [reveal]
# policy = "reveal.toml"  # 还原审批与动态脱敏的本单位策略 / your own policy of approvals and masking (docs/reveal.md)

[region]
name = {{ zh = "{name}", en = "{name}" }}

# [[region.school]]
# code = "2133000001"
# name = {{ zh = "示范小学", en = "Model Primary School" }}
# district = {{ zh = "示范区", en = "Model District" }}
# networks = ["10.1.1.0/24"]

[[sensor]]
name = "syslog-udp"
input = {{ type = "syslog-udp", listen = "0.0.0.0:5514" }}

[[sensor]]
name = "syslog-tcp"
input = {{ type = "syslog-tcp", listen = "0.0.0.0:5514" }}

[[sensor]]
name = "syslog-tls"
input = {{ type = "syslog-tls", listen = "0.0.0.0:6514", cert = "cert.pem", key = "key.pem" }}

[[sensor]]
name = "http"
input = {{ type = "http", listen = "0.0.0.0:8088", token = "{token}", tls = {{ cert = "cert.pem", key = "key.pem" }} }}

[[sensor]]
name = "netflow"
input = {{ type = "netflow", listen = "0.0.0.0:2055" }}

# 更多采集方式（去掉 # 即启用；改后可用 xuedun config check 检查）
# Further inputs; take off the `#`, then run `xuedun config check`.
#
# 每个采集器还可写：site（学校标识码）、pack（采集包名，省略则逐条识别）、silence_minutes（静默告警，
# 默认 60）、events_per_second_max（限速）、zone_minutes（未标时区的时间，默认 480 即北京时间）
# Every sensor also takes: site, pack (left out: found record by record), silence_minutes (default
# 60), events_per_second_max, zone_minutes (of times that name no zone; default 480, Beijing).
#
# 证书、私钥、client_ca、client_crl 更换后自动重新读入，无需重启；新的不可用时沿用旧的并告警
# Certificates, keys, client_ca and client_crl are read again when they change; what cannot be used changes nothing
#
# RELP（rsyslog 的 omrelp）：落盘后才应答 / answered only when durable
# [[sensor]]
# name = "relp"
# input = {{ type = "relp", listen = "0.0.0.0:2514", tls = {{ cert = "cert.pem", key = "key.pem" }} }}
#
# 一个 HTTP 端口：/_bulk（Filebeat、Winlogbeat、Fluent Bit、Vector、omelasticsearch）、/v1/logs
# （OpenTelemetry，用 http/protobuf 或 http/json，不收 gRPC）、/services/collector（Splunk HEC）、/ingest（JSON 行）；
# 每校可有自己的令牌
# One HTTP port speaks /_bulk, /v1/logs (OTLP by http/protobuf or http/json, not gRPC), /services/collector
# and /ingest; schools may have own tokens:
# input = {{ type = "http", listen = "0.0.0.0:8088", token = "…", tokens = [{{ site = "2133000001", token = "…" }}] }}
#
# 文件：encoding 为 utf8、gb18030、utf16le、utf16be；多行记录用 multiline（指定 pack 为 mysql、mysql-slow、
# postgresql 时已内置）
# Files: encoding is utf8, gb18030, utf16le or utf16be; records of several lines take multiline, which the packs
# mysql, mysql-slow and postgresql bring
# [[sensor]]
# name = "nginx"
# site = "2133000001"
# input = {{ type = "file", paths = ["/var/log/nginx/*.log"], encoding = "gb18030", multiline = {{ start = '^\d{{4}}-' }} }}
#
# 每个文件只读一次 / files read once: gzip, capture (pcap, pcapng), evtx
# input = {{ type = "gzip", paths = ["/archive/*.gz"] }}
# input = {{ type = "capture", paths = ["/captures/*.pcap"] }}
# input = {{ type = "evtx", paths = ["/evtx/*.evtx"] }}
#
# 系统日志与文件完整性 / systemd's journal and file integrity
# input = {{ type = "journald", units = ["sshd.service"] }}
# input = {{ type = "integrity", paths = ["/etc", "/srv/www"], full_minutes = 360 }}
#
# input = {{ type = "sflow", listen = "0.0.0.0:6343" }}
"#
    )
}
