//! Exported configurations and lists of devices and Windows servers, as a host made of their files.

use std::fs;
use std::path::Path;

use super::{HostError, RecordedHost};
use crate::audit::limits;

/// Exported files as probes name them: `/export/<file name>`.
pub(in crate::audit) fn exported(path: &Path) -> Result<RecordedHost, HostError> {
    let failed = |path: &Path, error: &std::io::Error| {
        let what = path.display().to_string();
        match error.kind() {
            // That the file is gone is no evidence about the device.
            std::io::ErrorKind::NotFound => HostError::Failed {
                what,
                reason: "导出文件不存在 / no such export".to_owned(),
            },
            std::io::ErrorKind::PermissionDenied => HostError::Denied { what },
            _ => HostError::Failed { what, reason: error.to_string() },
        }
    };
    let mut files = Vec::new();
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(|e| failed(path, &e))? {
            let file = entry.map_err(|e| failed(path, &e))?.path();
            if file.is_file() {
                files.push(file);
            }
        }
        files.sort();
    } else {
        files.push(path.to_owned());
    }
    if files.is_empty() || files.len() > limits::EXPORT_FILES_MAX {
        let reason = format!("{} 个文件 / {} files", files.len(), files.len());
        return Err(HostError::Failed { what: path.display().to_string(), reason });
    }
    let mut host = RecordedHost::new();
    for file in files {
        let size = fs::metadata(&file).map_err(|e| failed(&file, &e))?.len();
        if size > limits::FILE_BYTES_MAX as u64 {
            let what = file.display().to_string();
            return Err(HostError::TooLarge { what, max: limits::FILE_BYTES_MAX });
        }
        let bytes = fs::read(&file).map_err(|e| failed(&file, &e))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        host.file(&format!("/export/{name}"), bytes);
    }
    Ok(host)
}
