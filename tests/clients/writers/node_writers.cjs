// Writes each text into OBX-5 and NTE-3 with a library: `node node_writers.cjs NAME < texts.json`, messages as base64.
// NAME is simple-hl7, node-hl7-client or medplum; packages are found from the working directory.
const { createRequire } = require('module')
const load = createRequire(process.cwd() + '/')

const writers = {
  'simple-hl7': (number, text) => {
    const hl7 = load('simple-hl7')
    const message = new hl7.Message('LAB', 'ZV801', 'TIE', 'ZV802', '20260301120000', '', ['ORU', 'R01'], 'C' + number, 'P', '2.4')
    message.addSegment('PID', '1', '', ['L1', '', '', 'ZV801', 'MR'], '', ['GULL', 'ANN'], '', '19440101', 'F')
    message.addSegment('OBR', '1', '', 'R1', ['GLU', 'Glucose', 'L'], '', '', '20260301')
    message.addSegment('OBX', '1', 'TX', ['X', 'Y', 'L'], '', text, '', '', '', '', '', 'F')
    message.addSegment('NTE', '1', 'L', text)
    return message.toString()
  },
  'node-hl7-client': (number, text) => {
    const { Message } = load('node-hl7-client')
    const message = new Message({
      messageHeader: { msh_9_1: 'ORU', msh_9_2: 'R01', msh_10: 'C' + number, msh_11_1: 'P' },
    })
    const set = (name, values) => {
      const segment = message.addSegment(name)
      for (const [field, value] of Object.entries(values)) segment.set(field, value)
    }
    set('PID', { 1: '1', '3.1': 'L1', '3.4': 'ZV801', '5.1': 'GULL', '5.2': 'ANN' })
    set('OBR', { 1: '1', 3: 'R1', '4.1': 'GLU', '4.2': 'Glucose' })
    set('OBX', { 1: '1', 2: 'TX', '3.1': 'X', '3.2': 'Y', 5: text, 11: 'F' })
    set('NTE', { 1: '1', 3: text })
    return message.toString()
  },
  medplum: (number, text) => {
    const { Hl7Message, Hl7Segment, Hl7Field } = load('@medplum/core')
    const plain = (...values) => new Hl7Segment(values.map((v) => (v instanceof Hl7Field ? v : new Hl7Field([[v]]))))
    const header = `MSH|^~\\&|LAB|ZV801|TIE|ZV802|20260301120000||ORU^R01|C${number}|P|2.4`
    return new Hl7Message([
      Hl7Message.parse(header).segments[0],
      plain('PID', '1', '', new Hl7Field([['L1', '', '', 'ZV801', 'MR']]), '', new Hl7Field([['GULL', 'ANN']])),
      plain('OBR', '1', '', 'R1', new Hl7Field([['GLU', 'Glucose', 'L']])),
      plain('OBX', '1', 'TX', new Hl7Field([['X', 'Y', 'L']]), '', text, '', '', '', '', '', 'F'),
      plain('NTE', '1', 'L', text),
    ]).toString()
  },
}

const write = writers[process.argv[2]]
const out = JSON.parse(require('fs').readFileSync(0, 'utf8')).map((text, number) => {
  try {
    return Buffer.from(write(number, text), 'utf8').toString('base64')
  } catch (error) {
    process.stderr.write(`${process.argv[2]} does not write text ${number}: ${error.message}\n`)
    return null
  }
})
process.stdout.write(JSON.stringify(out))
