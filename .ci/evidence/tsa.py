"""A timestamp authority: `openssl ts` behind HTTP, as RFC 3161 section 3.4 has it. tsa.py PORT CONFIG FOLDER"""
import http.server, os, subprocess, sys, tempfile
port, config, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]

class Authority(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        query = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["content-type"] != "application/timestamp-query":
            return self.send_error(415)
        # A file in the folder says how it behaves.
        if os.path.exists(folder + "/down"):
            return self.send_error(503)
        with tempfile.NamedTemporaryFile(dir=folder) as q:
            q.write(query); q.flush()
            run = ["openssl", "ts", "-reply", "-config", config, "-queryfile", q.name]
            reply = subprocess.run(run, capture_output=True, check=False).stdout
        if os.path.exists(folder + "/replay"):
            reply = open(folder + "/last.tsr", "rb").read()
        open(folder + "/last.tsr", "wb").write(reply)
        self.send_response(200)
        self.send_header("content-type", "application/timestamp-reply")
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_): pass

http.server.HTTPServer(("127.0.0.1", port), Authority).serve_forever()
