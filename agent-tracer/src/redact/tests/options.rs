//! Tests options of real command lines and of scripts within. Evident secrets are in `patterns`.

use super::{check, untouched};

#[test]
fn options_hold_secrets() {
    for (before, after) in [
        (
            "sh·./onboard_agent.sh·-w·id·-s·KEY64",
            "sh·./onboard_agent.sh·-w·id·-s·‹secret 1›",
        ),
        (
            "sudo·sh·./b.sh·--upgrade·-w·id·-s·Short1",
            "sudo·sh·./b.sh·--upgrade·-w·id·-s·‹secret 1›",
        ),
        (
            "sudo·-nu·root·-p·Prompt1·sh·./b.sh·-s·KEY64",
            "sudo·-nu·root·-p·Prompt1·sh·./b.sh·-s·‹secret 1›",
        ),
        (
            "sudo·--user·x·env·A=1·sh·./b.sh·-p·Pass99",
            "sudo·--user·x·env·A=1·sh·./b.sh·-p·‹secret 1›",
        ),
        ("bash·-s·--·-s·Secret9", "bash·-s·--·-s·‹secret 1›"),
        (
            "bash·-euo·pipefail·/x/install.sh·-s·Secret9",
            "bash·-euo·pipefail·/x/install.sh·-s·‹secret 1›",
        ),
        ("./install·-s·Secret9", "./install·-s·‹secret 1›"),
        (
            "omsadmin.sh·--shared·KEY64",
            "omsadmin.sh·--shared·‹secret 1›",
        ),
        (
            "omsadmin.sh·--shared=KEY64",
            "omsadmin.sh·--shared=‹secret 1›",
        ),
        (
            "agent·-s=Secret9·-sKEY64",
            "agent·-s=‹secret 1›·-s‹secret 2›",
        ),
        (
            "agent·--password·hunter2·--token=two words",
            "agent·--password·‹secret 1›·--token=‹secret 2›",
        ),
        (
            "agent·--key·abc123·--api-key·def456",
            "agent·--key·‹secret 1›·--api-key·‹secret 2›",
        ),
        (
            "agent·--password·x·--token·x",
            "agent·--password·‹secret 1›·--token·‹secret 1›",
        ),
        (
            "useradd·-s·/bin/sh·-p·$6$hash",
            "useradd·-s·/bin/sh·-p·‹secret 1›",
        ),
        ("mysql·-u·root·-pHunter2", "mysql·-u·root·-p‹secret 1›"),
        (
            "curl·-u·bob:Hunter2·https://x",
            "curl·-u·bob:‹secret 1›·https://x",
        ),
        (
            "agent·-p·http://u:Pa55word@h:1",
            "agent·-p·http://u:‹secret 1›@h:1",
        ),
        ("agent·-p·u:Pa55word@h:1", "agent·-p·u:‹secret 1›@h:1"),
        ("curl·-x·u:Pa55w@rd@h:1", "curl·-x·u:‹secret 1›@h:1"),
        ("curl·--proxy·u:p@h:1", "curl·--proxy·u:‹secret 1›@h:1"),
        ("curl·--proxy=u:p@h:1", "curl·--proxy=u:‹secret 1›@h:1"),
    ] {
        check(before, after);
    }
}

#[test]
fn options_are_innocent() {
    for line in [
        "mkdir·-p·/opt/omi",
        "mkdir·-p·omi",
        "ps·-p·123",
        "curl·-s·https://github.com/x",
        "dpkg·-s·omi",
        "/usr/bin/dpkg·-s·omi",
        "ssh·-p·22·host",
        "cp·-p·a·b",
        "read·-s·name",
        "curl·--key·/etc/key.pem·--cert·x",
        "curl·--insecure·--key·oms.key",
        "id·-p",
        "curl·-s·--cert·c",
        "grep·-s·foo·file",
        "agent·--proxy·http://host:3128",
        "agent·--proxy·host:3128",
        "su·-s·/bin/sh·-·omsagent·-c·InstallModule.py",
        "sudo·-u·omsagent·mkdir·-p·x",
        "sudo·-s",
        "sh·-s",
        "agent·-p·8080",
        "agent·-p·127.0.0.1:80:80/1",
        "agent·-s·/var/opt/x",
        "agent·-s·../x",
        "agent·-p·-s",
        "agent·-p·proxy.example.com:3128",
        "agent·--password",
        "agent·--password·",
        "agent·-s·",
        "agent·--key·conf/host.pem",
        "agent·--key·https://x/y",
        "sort·--key=2,2",
        "git·init·--shared=group",
        "perl·-p·-i·-e·s/a/b/·x",
        "python3·-s·setup.py",
        "agent·--password-file=/run/x",
        "agent·-p8080",
        "agent·-status",
        "dmidecode·-s·system-uuid",
        "systemd-run·-p·CPUQuota=5%·--scope·--slice=a·ls",
        "timeout·-s·KILL·10·ls",
        "systemctl·-p·MainPID·show·x",
        "omsadmin.sh·-w·0a1b2c3d-0000-4444-8888-0123456789ab",
    ] {
        untouched(line);
    }
}

#[test]
fn scripts_are_split() {
    for (before, after) in [
        (
            "sh·-c·sudo sh ./b.sh -w id -s KEY64; echo 'done'",
            "sh·-c·sudo sh ./b.sh -w id -s ‹secret 1›; echo 'done'",
        ),
        (
            "sh·-c·mkdir -p omi && agent --password 'a b'",
            "sh·-c·mkdir -p omi && agent --password '‹secret 1›'",
        ),
        (
            "sh·-c·agent --password=\"a b\" -x",
            "sh·-c·agent --password=‹secret 1› -x",
        ),
        (
            "sh·-c·agent --token $TOKEN -s \"$KEY\"",
            "sh·-c·agent --token $TOKEN -s \"$KEY\"",
        ),
        (
            "sh·-ec·sh -c \"agent -s Hunter2\"",
            "sh·-ec·sh -c \"agent -s ‹secret 1›\"",
        ),
        (
            "su·-·x·-c·/opt/agent -s Hunter2",
            "su·-·x·-c·/opt/agent -s ‹secret 1›",
        ),
        (
            "sh·-c·PASSWORD=abc ./x.sh·name·-s·Hunter2",
            "sh·-c·PASSWORD=‹secret 1› ./x.sh·name·-s·‹secret 2›",
        ),
        ("sh·-c·dpkg -s omi|grep -s x", "sh·-c·dpkg -s omi|grep -s x"),
        ("sh·-c·agent -s Hun\"ter\"2", "sh·-c·agent -s ‹secret 1›"),
        (
            "sh·-c·echo 'Environment=http_proxy=http://u:p@h:1/' > /etc/x",
            "sh·-c·echo 'Environment=http_proxy=http://u:‹secret 1›@h:1/' > /etc/x",
        ),
    ] {
        check(before, after);
    }
}

#[test]
fn options_are_spelled_in_many_ways() {
    for (before, after) in [
        ("agent·-password·Hunter2", "agent·-password·‹secret 1›"),
        ("agent·-passwd·hunter", "agent·-passwd·‹secret 1›"),
        ("agent·-passwd=hunter", "agent·-passwd=‹secret 1›"),
        ("agent·--pass·hunter2", "agent·--pass·‹secret 1›"),
        ("agent·--passwd·hunter2", "agent·--passwd·‹secret 1›"),
        ("agent·-apikey·Abc12345", "agent·-apikey·‹secret 1›"),
        (
            "java·-Dx.keyStorePassword=changeit",
            "java·-Dx.keyStorePassword=‹secret 1›",
        ),
        (
            "keytool·-storepass·changeit",
            "keytool·-storepass·‹secret 1›",
        ),
        (
            "agent·--password·-Dash7Kilo9",
            "agent·--password·‹secret 1›",
        ),
        (
            "agent·--password·--Dash7Kilo9",
            "agent·--password·‹secret 1›",
        ),
        ("agent·--token·-ab12cd34ef", "agent·--token·‹secret 1›"),
        ("agent·--token=-abc", "agent·--token=‹secret 1›"),
        (
            "agent·--password·-Dash7Kilo9==",
            "agent·--password·‹secret 1›",
        ),
        (
            "sh·./b.sh·-sq83vEjRWeJCrze8SNFZ4kKvN",
            "sh·./b.sh·-s‹secret 1›",
        ),
        (
            "curl·-uuser:Hunter2·https://h",
            "curl·-uuser:‹secret 1›·https://h",
        ),
        (
            "curl·-sSuuser:Hunter2·https://h",
            "curl·-sSuuser:‹secret 1›·https://h",
        ),
        (
            "curl·-fsSLu·user:Hunter2·https://h",
            "curl·-fsSLu·user:‹secret 1›·https://h",
        ),
        ("curl·--user·user:Hunter2", "curl·--user·user:‹secret 1›"),
        (
            "/usr/bin/curl·--user=user:Hunter2",
            "/usr/bin/curl·--user=user:‹secret 1›",
        ),
        (
            "curl·--proxy-user·user:Hunter2",
            "curl·--proxy-user·user:‹secret 1›",
        ),
        ("curl·-xu:Hunter2@h:1", "curl·-xu:‹secret 1›@h:1"),
        ("curl·-u·a1b2c3d4e5f6a7b8c9:", "curl·-u·‹secret 1›:"),
        (
            "sh·-c·curl -uuser:Hunter2 https://h",
            "sh·-c·curl -uuser:‹secret 1› https://h",
        ),
        (
            "openssl·pkcs12·-in·a·-passin·pass:Hunter2·-passout·pass:-x",
            "openssl·pkcs12·-in·a·-passin·pass:‹secret 1›·-passout·pass:‹secret 2›",
        ),
        (
            "sh·-c·openssl rsa -passin 'pass:a b' -in k",
            "sh·-c·openssl rsa -passin 'pass:‹secret 1›' -in k",
        ),
    ] {
        check(before, after);
    }
}

#[test]
fn other_options_stay() {
    for line in [
        "agent·--password·--other-option",
        "agent·--password·--http2",
        "agent·--token·--log-level=Debug3",
        "agent·--password·-v",
        "agent·--password·-p8080",
        "agent·--password·-Werror",
        "agent·--password·-Dfoo.Bar=1",
        "agent·--token·-verbose",
        "agent·--no-password·host1",
        "psql·--no-password·-h·h",
        "agent·--use-token·host1",
        "docker·login·--password-stdin·registry1.io",
        "agent·--token-ttl·30m",
        "agent·--token-ttl=30m",
        "agent·--password-hash-algorithm=sha256",
        "agent·--pwd·/root",
        "ffmpeg·-pass·1·--pass·2",
        "agent·--bypass·host1",
        "openssl·rsa·-passin·env:PW1·-passout·file:/run/pw1",
        "openssl·enc·-pass·stdin·-in·a1",
        "openssl·rsa·-key·Key1.bin",
        "echo·pass:Hunter2",
        "curl·-u·user·https://h",
        "curl·-uuser·https://h",
        "curl·-fsSLo·/tmp/u:x·https://h",
        "curl·-fsSL·https://h/a:b",
        "curl·-Huser:x",
        "sudo·-uroot:x·id",
        "docker·run·--user·1000:1000·x",
        "chown·--from=a:b·c",
        "grep·-sq83vEjRWeJCrze8SNFZ4kKvN",
        "gs·-sDEVICE=pdfwrite1Abcdefghij",
        "agent·-server-mode-of-operation",
        "agent·-sServerModeOfOperation",
        "agent·-s/opt/Microsoft/omsagent1/bin",
        "find·/x·-newer·Ref1·-path·a1",
    ] {
        untouched(line);
    }
}

#[test]
fn here_documents_hide_nothing() {
    for (before, after) in [
        (
            "sh·-c·cat > f <<EOF\npassword = Hunter2\nPwd: Xray77\ndon't\nEOF\nagent -s Secret9",
            "sh·-c·cat > f <<EOF\npassword = ‹secret 1›\nPwd: ‹secret 2›\ndon't\nEOF\n\
             agent -s ‹secret 3›",
        ),
        (
            "sh·-c·cat <<-'E' | sh\n\tagent \\\n  --token hunter\n\tE\nagent --pass \"a b\"",
            "sh·-c·cat <<-'E' | sh\n\tagent \\\n  --token ‹secret 1›\n\tE\n\
             agent --pass \"‹secret 2›\"",
        ),
        (
            "sh·-c·# don't: agent --token hunter\nagent -s Secret9",
            "sh·-c·# don't: agent --token ‹secret 1›\nagent -s ‹secret 2›",
        ),
        (
            "sh·-c·cat <<A <<B\nit's\nA\nit's\nB\nagent -s Secret9 <<<x",
            "sh·-c·cat <<A <<B\nit's\nA\nit's\nB\nagent -s ‹secret 1› <<<x",
        ),
    ] {
        check(before, after);
    }
    untouched("sh·-c·cat <<EOF\nit's -s\n<<X\n# # '");
}
