-- For wrk: POST what stands behind `--` as JSON. The request is made once, not for each sending.
function init(args)
  wrk.method = "POST"
  wrk.body = args[1]
end
